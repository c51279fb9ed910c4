"""Integrations: added, changed, given back an earlier configuration, tested, removed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.entities.models import SyncCursor
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.integrations.lifecycle.management import activate
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.changing import TrialFailed, change_integration
from gateway.integrations.management.draft import IntegrationChange, IntegrationDraft
from gateway.integrations.management.removal import remove_integration
from gateway.integrations.management.revisions import find_revisions, restore_revision
from gateway.integrations.management.trying import test_integration as try_integration
from gateway.oauth.models import VaultEntry
from tests.integration.integrations.conftest import House
from tests.services.lamp_system import TOKEN


def test_one_is_added_and_its_secret_is_sealed(house: House) -> None:
    added = house.add(sync={"policy": "local_wins"})

    assert (added.state, added.health, added.schedule, added.secrets) == ("inactive", "unknown", "15m", ("token",))
    assert house.show(added.id) == house.show("lamps")
    assert "integration.added" in house.audited()
    assert TOKEN not in repr(added)
    assert house.system.asked == []
    with house.begin(write=False) as acting:
        [entry] = acting.session.scalars(select(VaultEntry))
    assert TOKEN.encode() not in entry.sealed_value


def test_everything_that_is_wrong_is_told_at_once(house: House) -> None:
    draft = IntegrationDraft(
        name="Not: a name",
        type="lamps",
        configuration={"depth": 10, "dept": 1},
        secrets={"tokn": "x"},
        connection="conn_none",
        source="nowhere",
        sync={"policy": "nobody_wins"},
        schedule="every so often",
    )

    with house.begin() as acting, pytest.raises(InvalidInput) as raised:
        add_integration(acting, draft)

    assert {one.field for one in raised.value.faults} == {
        "name",
        "configuration.depth",
        "configuration.dept",
        "configuration.url",
        "secrets.tokn",
        "secrets.token",
        "connection",
        "source",
        "sync.policy",
        "schedule",
    }


def test_names_and_types_are_told_with_what_was_meant(house: House) -> None:
    house.add()

    with pytest.raises(Conflict):
        house.add()
    with house.begin() as acting, pytest.raises(NotFound) as unknown:
        add_integration(acting, IntegrationDraft(name="a", type="lamp"))
    assert unknown.value.hints[0].parameters == {"names": ["lamps"]}
    with pytest.raises(NotFound) as other:
        house.show("lamp")
    assert other.value.hints[0].parameters == {"names": ["lamps"]}


def test_a_change_keeps_the_configuration_before_which_can_be_restored(house: House) -> None:
    house.add()
    changed = change_integration(house.begin, "lamps", IntegrationChange(configuration={"depth": 5}, schedule="1h"))

    assert (changed.configuration["depth"], changed.schedule, changed.revision) == (5, "1h", 2)
    with house.begin(write=False) as acting:
        [kept] = find_revisions(acting, "lamps")
    assert "depth" not in kept.configuration
    restored = restore_revision(house.begin, "lamps", 1)
    assert (restored.configuration, restored.revision) == ({"url": house.system.url}, 3)
    with pytest.raises(NotFound):
        restore_revision(house.begin, "lamps", 9)


def test_what_changes_nothing_is_no_change(house: House) -> None:
    house.add()

    changed = change_integration(house.begin, "lamps", IntegrationChange(configuration={"hook": None}))

    assert changed.revision == 1


def test_of_an_active_one_the_new_configuration_is_tried_before_it_counts(house: House) -> None:
    house.add()
    assert activate(house.begin, "lamps").is_success
    with house.begin() as acting:
        instance_id = house.row().id
        acting.session.add(
            SyncCursor(instance_id=instance_id, resource="lamps", cursor={"n": 1}, updated_at=acting.now)
        )

    with pytest.raises(TrialFailed, match="the old one stays"):
        change_integration(house.begin, "lamps", IntegrationChange(secrets={"token": "wrong"}))
    unchanged = change_integration(house.begin, "lamps", IntegrationChange(sync={"batch": 10}))
    assert (unchanged.revision, house.system.asked.count("GET /version")) == (2, 2)
    change_integration(house.begin, "lamps", IntegrationChange(configuration={"depth": 4}))

    with house.begin(write=False) as acting:
        assert acting.session.scalars(select(SyncCursor)).all() == []
    assert try_integration(house.begin, "lamps").is_success


def test_who_was_quicker_counts(house: House) -> None:
    house.add()
    assert activate(house.begin, "lamps").is_success

    def meanwhile(method: str, _path: str) -> Any:
        house.system.before = lambda _method, _path: None
        change_integration(house.begin, "lamps", IntegrationChange(schedule="2h"))

    house.system.before = meanwhile
    with pytest.raises(Conflict, match="somebody else"):
        change_integration(house.begin, "lamps", IntegrationChange(configuration={"depth": 9}))
    assert house.show().schedule == "2h"


@pytest.mark.parametrize(("status", "code"), [(401, "authentication_failed"), (500, "system_unavailable")])
def test_a_test_says_what_it_saw(house: House, status: int, code: str) -> None:
    house.add()
    house.system.put(3)

    works = try_integration(house.begin, "lamps")
    assert (works.status, works.message) == ("success", "lamps 3.2 with 3 lamps")
    house.system.before = lambda _method, _path: status
    broken = try_integration(house.begin, "lamps")

    assert (broken.status, broken.code, broken.redirect) == ("error", code, None)
    assert TOKEN not in broken.message


def test_one_is_removed_with_its_secrets(house: House) -> None:
    house.add()
    assert activate(house.begin, "lamps").is_success
    with house.begin() as acting, pytest.raises(Conflict):
        remove_integration(acting, "lamps")
    house.add("other")

    with house.begin() as acting:
        remove_integration(acting, "other")

    with house.begin(write=False) as acting:
        assert len(acting.session.scalars(select(VaultEntry)).all()) == 1
