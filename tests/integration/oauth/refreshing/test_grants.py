"""What deliveries carry that authenticate with a connection."""

from __future__ import annotations

import pytest

from gateway.clients.errors import Unavailable
from gateway.delivery.sending.grants import GrantBroken
from gateway.oauth.calling.grants import KEPT_SECONDS, ConnectionGrants
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.oauth.refreshing.conftest import World
from tests.services.acting import add_tenant

URL = "https://app.example.com/hook"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_token_in_the_headers_of_its_provider_renewed_when_it_is_refused(world: World) -> None:
    found = DEFAULT_TENANT_ID, world.connect(), URL
    grants = ConnectionGrants(world.installation)
    assert grants.at_hand(*found) is None
    first = grants.get(*found)
    assert first.headers == (("Authorization", f"Bearer {first.token}"),)
    assert grants.at_hand(*found) == first
    assert first.token not in repr(first)
    assert grants.renewed(*found, first)
    assert grants.at_hand(*found) is None
    second = grants.get(*found)
    assert (second.token != first.token, world.refreshes()) == (True, 1)
    # What was just got for a refusal is not what is wrong.
    assert not grants.renewed(*found, second)


def test_one_that_is_broken_lets_deliveries_wait_and_one_that_may_come_back_is_tried(world: World) -> None:
    found = DEFAULT_TENANT_ID, world.connect(), URL
    grants = ConnectionGrants(world.installation)
    world.expire()
    world.provider.fail(503)
    with pytest.raises(Unavailable):
        grants.get(*found)
    world.provider.fail(None)
    world.provider.refuses_refresh = True
    world.clock.advance(31)
    for _ in range(2):
        with pytest.raises(GrantBroken):
            grants.get(*found)
    with pytest.raises(GrantBroken):
        grants.get(DEFAULT_TENANT_ID, "conn_nobody", URL)


def test_it_is_looked_at_again_soon_and_is_nobody_elses(world: World) -> None:
    grants, found = ConnectionGrants(world.installation), (DEFAULT_TENANT_ID, world.connect(), URL)
    grants.get(*found)
    world.clock.advance(KEPT_SECONDS)
    assert grants.at_hand(*found) is None
    rival = add_tenant(world.installation.database, world.clock, "rival")
    with pytest.raises(GrantBroken, match="no connection"):
        grants.get(rival, found[1], URL)
    assert world.refreshes() == 0
