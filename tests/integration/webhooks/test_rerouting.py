"""A delivery that its route could not shape: replaying it applies the route as it is by then."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.delivery.event_replay.aim import Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.models import Delivery, Route
from gateway.delivery.retry import RetryFilter, retry_delivery, retry_many
from gateway.delivery.routes.draft import RouteChange
from gateway.errors import Conflict
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.routes import change_route
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest


@pytest.fixture
def dead(gateway: GatewayUnderTest) -> Delivery:
    """A delivery whose filter failed on its event."""
    gateway.source("github", "github", SECRET)
    gateway.route("github", "push", where="length(total) > `1`", transform="{sum: total}")
    gateway.github(body=b'{"total": 7}')
    (delivery,) = gateway.deliveries()
    assert (delivery.state, delivery.reason) == ("dead", "route_failed")
    return delivery


def mend(gateway: GatewayUnderTest, where: str | None) -> None:
    with gateway.database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.scalars(select(Route)).one().where = where


def retry(gateway: GatewayUnderTest, delivery: Delivery) -> None:
    with gateway.acting() as acting:
        retry_delivery(acting, delivery.id)


def test_a_mended_route_shapes_it(gateway: GatewayUnderTest, dead: Delivery) -> None:
    mend(gateway, "total > `1`")
    retry(gateway, dead)
    (delivery,) = gateway.deliveries()
    assert (delivery.id, delivery.state, delivery.payload) == (dead.id, "pending", b'{"sum":7}')


def test_an_unmended_route_is_named_and_nothing_is_sent(gateway: GatewayUnderTest, dead: Delivery) -> None:
    with pytest.raises(Conflict, match="mend the route first"):
        retry(gateway, dead)
    with gateway.acting() as acting:
        counts = replay_event(acting, dead.event_id, Aim())
    assert (counts.replayed, counts.kept_back) == (0, 1)
    assert retry_many(gateway.acting, RetryFilter()) == 0
    assert [delivery.state for delivery in gateway.deliveries()] == ["dead"]


def test_a_filter_that_now_turns_it_away_cancels_it(gateway: GatewayUnderTest, dead: Delivery) -> None:
    mend(gateway, "total > `100`")
    assert retry_many(gateway.acting, RetryFilter()) == 0
    (delivery,) = gateway.deliveries()
    assert (delivery.state, delivery.reason) == ("cancelled", "filtered")


def test_a_removed_route_leaves_it_dead(gateway: GatewayUnderTest, dead: Delivery) -> None:
    with gateway.database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.delete(session.scalars(select(Route)).one())
    with pytest.raises(Conflict, match="route is gone"):
        retry(gateway, dead)


@pytest.fixture
def null(gateway: GatewayUnderTest) -> Delivery:
    """A delivery whose transform gave null."""
    gateway.source("github", "github", SECRET)
    gateway.route("github", "push", transform="sum")
    gateway.github(body=b'{"total": 7}')
    (delivery,) = [one for one in gateway.deliveries() if one.route_id]
    assert (delivery.state, delivery.reason) == ("dead", "transform_null")
    return delivery


def change(gateway: GatewayUnderTest, null: Delivery, wanted: RouteChange) -> Delivery:
    """The delivery after its route was changed and it was replayed."""
    with gateway.acting() as acting:
        change_route(acting, str(null.route_id), wanted)
    retry_many(gateway.acting, RetryFilter())
    return next(one for one in gateway.deliveries() if one.id == null.id)


def test_what_was_null_is_replayed_by_the_changed_route(gateway: GatewayUnderTest, null: Delivery) -> None:
    changed = change(gateway, null, RouteChange(transform="total"))
    assert (changed.state, changed.reason, changed.payload) == ("pending", None, b"7")


def test_what_was_null_is_sent_when_that_is_allowed(gateway: GatewayUnderTest, null: Delivery) -> None:
    changed = change(gateway, null, RouteChange(allow_null=True))
    assert (changed.state, changed.payload) == ("pending", b"null")


def test_what_is_null_still_stays_dead(gateway: GatewayUnderTest, null: Delivery) -> None:
    assert change(gateway, null, RouteChange(transform="other")).state == "dead"
    with pytest.raises(Conflict, match="gives null"):
        retry(gateway, null)
    failing = change(gateway, null, RouteChange(transform="length(total)"))
    assert (failing.state, failing.reason) == ("dead", "route_failed")
