"""Records in quarantine: taken in once more, or not wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from gateway.db.paging import PageRequest
from gateway.entities.pulling.retrying import retry_record
from gateway.entities.quarantine.management import discard_record
from gateway.entities.quarantine.search import QuarantineSearch, find_quarantined, show_quarantined
from gateway.entities.quarantine.summary import QuarantinedSummary
from gateway.entities.states import QuarantineState
from gateway.errors import Conflict, IllegalTransition
from gateway.tenants.acting import Acting
from tests.services.memory_system import MemoryResource, without
from tests.services.syncs import Syncs, counted

Begin = Callable[[], AbstractContextManager[Acting]]


def shown(syncs: Syncs, record_id: str) -> QuarantinedSummary:
    with syncs.acting(write=False) as acting:
        return show_quarantined(acting, syncs.quarantine()[record_id].id)


def retry(syncs: Syncs, record_id: str) -> QuarantinedSummary:
    return retry_record(syncs.acting, syncs.external, syncs.options, shown(syncs, record_id))


def test_a_record_is_asked_for_and_taken_in(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(3)
    contacts.put("c1", name=5)
    syncs.full()
    assert (retry(syncs, "c1").state, len(syncs.live())) == ("open", 2)
    contacts.put("c1", name="sound")
    assert retry(syncs, "c1").state == "repaired"
    assert syncs.names()["c1"] == "sound"
    assert syncs.events().count("gateway.entity.created") == 3
    with pytest.raises(Conflict, match="already"):
        retry(syncs, "c1")
    assert counted(syncs.full(), "unchanged", "repaired") == (3, 0)


def test_a_record_of_a_system_that_cannot_look_up_is_judged_as_it_came(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.abilities = without(looks_up=False)
    contacts.fill(2)
    contacts.put("c1", name=5)
    syncs.full()
    assert retry(syncs, "c1").state == "open"
    assert contacts.count("look_up") == 0


def test_what_is_gone_or_cut_is_not_tried(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(2)
    contacts.put("c1", name=5)
    contacts.put("long", name=5, note="x" * 300_000)
    syncs.full()
    contacts.remove("c1")
    with pytest.raises(Conflict, match="no more"):
        retry(syncs, "c1")
    contacts.abilities = without(looks_up=False)
    with pytest.raises(Conflict, match="not all"):
        retry(syncs, "long")


def test_what_is_not_wanted_is_passed_over_until_it_is_another(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(2)
    contacts.put("c1", name=5)
    syncs.full()
    with syncs.acting() as acting:
        assert discard_record(acting, syncs.quarantine()["c1"].id).state == "discarded"
    assert counted(syncs.full(), "quarantined", "discarded") == (0, 1)
    contacts.put("c1", name=6)
    assert counted(syncs.full(), "quarantined", "discarded") == (1, 0)
    assert syncs.quarantine()["c1"].state == "open"
    contacts.put("c1", name="sound")
    syncs.full()
    with syncs.acting() as acting, pytest.raises(IllegalTransition):
        discard_record(acting, syncs.quarantine()["c1"].id)


def test_records_are_found_by_what_holds_for_them(syncs: Syncs, contacts: MemoryResource) -> None:
    deals = replace(contacts, name="deals", kind="deal", records={}, calls=[], before=[], after=[])
    syncs.resources = [contacts, deals]
    contacts.put("c1", name=5)
    deals.put("d1", name=5)
    syncs.full()
    with syncs.acting(write=False) as acting:

        def found(**search: object) -> list[str | None]:
            wanted = QuarantineSearch(**search)  # type: ignore[arg-type]
            return [row.integration_id for row in find_quarantined(acting, PageRequest(), wanted).rows]

        assert found() == ["d1", "c1"]
        assert found(resource="deals") == ["d1"]
        assert found(state=QuarantineState.DISCARDED) == []
        assert found(instance_id="int_other") == []
