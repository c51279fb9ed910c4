"""What a run holds is deleted when a person says so: exactly that, but for what changed since; or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.db.paging import PageRequest
from gateway.entities.external import RemotePage
from gateway.entities.held_runs.applying import apply_held
from gateway.entities.held_runs.kind import CONFIRM
from gateway.entities.held_runs.management import confirm_run, reject_run
from gateway.entities.models import Entity
from gateway.entities.runs.course import AlreadyRunning
from gateway.errors import IllegalTransition, NotFound
from gateway.jobs.queue.claim import JobClaimer
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from tests.integration.entities.pull.test_local_edits import edit
from tests.services.memory_system import MemoryResource
from tests.services.syncs import Syncs, counted


def held(syncs: Syncs, contacts: MemoryResource) -> str:
    """A run that would delete 30 of 50."""
    contacts.fill(50)
    syncs.full()
    for number in range(20, 50):
        contacts.records.pop(f"c{number}")
    result = syncs.full()
    assert result["state"] == "held"
    return str(result["run_id"])


def carry_out(syncs: Syncs) -> Mapping[str, Any]:
    """The job that was asked for."""
    with syncs.installation.database.write() as connection:
        [job] = JobClaimer("here:1").claim(connection, CONFIRM, 1, now_us=syncs.clock.now_us())
    result = apply_held(syncs.run_of(job))
    syncs.end(job)
    assert result is not None
    return result


def audited(syncs: Syncs) -> list[str]:
    with syncs.acting(write=False) as acting:
        return [row.action for row in find_audit(acting, AuditSearch(), PageRequest()).rows]


def test_what_was_held_is_deleted_when_a_person_confirms_it(syncs: Syncs, contacts: MemoryResource) -> None:
    syncs.options = replace(syncs.options, batch=7)
    run_id = held(syncs, contacts)
    syncs.clock.advance(60)
    with syncs.acting() as acting:
        shown = confirm_run(acting, run_id)
        assert (shown.state, shown.held and shown.held["confirmed_by"]) == ("running", "tester")
    assert carry_out(syncs) == {"run_id": run_id, "deleted": 30, "kept": 0}
    assert syncs.live() == {f"c{number}" for number in range(20)}
    assert syncs.events().count("gateway.entity.deleted") == 30
    assert (syncs.runs()[-1].state, syncs.runs()[-1].counts["deleted"]) == ("succeeded", 30)
    assert audited(syncs) == ["sync_run.confirmed"]
    assert syncs.pages_kept() == 0
    with syncs.acting() as acting, pytest.raises(IllegalTransition, match="only one that is held"):
        confirm_run(acting, run_id)


def test_what_changed_since_stays(syncs: Syncs, contacts: MemoryResource) -> None:
    run_id = held(syncs, contacts)
    contacts.put("c30", name="back, and changed")
    syncs.incremental()
    edit(syncs, "c31", number=99)
    with syncs.acting() as acting:
        confirm_run(acting, run_id)
    assert carry_out(syncs) == {"run_id": run_id, "deleted": 28, "kept": 1}
    assert syncs.live() == {*(f"c{number}" for number in range(20)), "c30", "c31"}


def test_a_rejected_run_deletes_nothing(syncs: Syncs, contacts: MemoryResource) -> None:
    run_id = held(syncs, contacts)
    with syncs.acting() as acting:
        assert reject_run(acting, run_id).state == "rejected"
    assert len(syncs.live()) == 50
    assert audited(syncs) == ["sync_run.rejected"]
    assert syncs.pages_kept() == 0
    with syncs.acting() as acting, pytest.raises(IllegalTransition):
        reject_run(acting, run_id)
    # The next full pull looks again, and asks again.
    assert syncs.full()["state"] == "held"


def test_nothing_is_decided_while_a_sync_is_under_way(syncs: Syncs, contacts: MemoryResource) -> None:
    run_id = held(syncs, contacts)
    refused: list[str] = []

    def decide(operation: str, _about: Any) -> None:
        if operation == "pages" and not refused:
            with syncs.acting() as acting, pytest.raises(AlreadyRunning) as error:
                confirm_run(acting, run_id)
            refused.append(str(error.value))

    contacts.before.append(decide)
    syncs.incremental()
    assert "under way" in refused[0]
    with syncs.acting() as acting, pytest.raises(NotFound):
        confirm_run(acting, "run_unknown")


def test_a_small_share_of_many_resources_is_judged_by_each(syncs: Syncs, contacts: MemoryResource) -> None:
    """One list that is empty holds the deletions of the others, too."""
    deals = MemoryResource(name="deals", kind="deal", page_size=10)
    syncs.resources = [contacts, deals]
    contacts.fill(50)
    deals.fill(10)
    syncs.full()
    contacts.remove("c1")
    deals.records.clear()
    result = syncs.full()
    assert (result["state"], set(result["held"])) == ("held", {"contacts", "deals"})
    assert counted(result, "missing", "deleted") == (11, 0)
    with syncs.acting() as acting:
        confirm_run(acting, result["run_id"])
    assert carry_out(syncs)["deleted"] == 11
    with syncs.acting(write=False) as acting:
        left = acting.session.scalars(select(Entity.kind).where(Entity.deleted_at.is_(None)))
        assert set(left) == {"contact"}


def test_what_comes_and_goes_by_itself_is_never_held(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.abilities = replace(contacts.abilities, is_transient=True)
    contacts.fill(10)
    syncs.full()
    contacts.records.clear()
    assert counted(syncs.full(), "deleted") == (10,)


def test_a_list_that_is_not_complete_deletes_nothing(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.abilities = replace(contacts.abilities, is_complete=False)
    contacts.fill(10)
    syncs.full()
    contacts.records.pop("c1")
    assert counted(syncs.full(), "missing", "deleted") == (0, 0)
    contacts.reshape = lambda page, _number: told(page, ["c1"])
    assert counted(syncs.full(), "deleted") == (1,)


def told(page: RemotePage, deleted: list[str]) -> RemotePage:
    return replace(page, deleted=deleted)
