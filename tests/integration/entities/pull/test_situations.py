"""What breaks syncs in practice, one test each: given a system that does this, a run does that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clients.errors import PositionExpired, RateLimited, ResponseInvalid, Unavailable
from gateway.entities.external import RemotePage
from gateway.entities.models import QuarantinedRecord
from gateway.entities.options import SyncOptions
from gateway.entities.states import RunMode
from gateway.entities.store import cursors
from gateway.tenants.acting import Acting
from tests.services.memory_system import MemoryResource, failing, without
from tests.services.syncs import Syncs, counted


def test_a_page_that_fails_three_times_ends_the_run_and_keeps_the_page_before(
    syncs: Syncs, contacts: MemoryResource
) -> None:
    contacts.fill(25)
    contacts.before.append(failing("pages", Unavailable("500"), times=3, about=2))
    result = syncs.full()
    assert (result["state"], result["code"]) == ("failed", "system_unavailable")
    assert syncs.live() == {f"c{number}" for number in range(10)}
    # A full pull's cursor counts when it is complete.
    assert syncs.cursor() is None
    assert syncs.events("gateway.sync.") == ["gateway.sync.failed"]
    assert syncs.pages_kept() == 0
    contacts.before.clear()
    assert counted(syncs.full(), "created", "unchanged", "deleted") == (15, 10, 0)


def test_a_page_that_fails_twice_is_asked_for_again(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    contacts.before.append(failing("pages", Unavailable("500"), times=2, about=2))
    assert syncs.full()["state"] == "succeeded"
    assert len(syncs.waited) == 2
    assert len(syncs.live()) == 25


def test_an_empty_list_is_held_and_not_believed(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(50)
    syncs.full()
    gone, contacts.records = contacts.records, {}
    result = syncs.full()
    assert (result["state"], result["code"]) == ("held", "deletion_threshold")
    assert result["held"]["contacts"] | {"sample": None} == {
        "kind": "contact",
        "known": 50,
        "missing": 50,
        "sample": None,
    }
    assert counted(result, "missing", "deleted") == (50, 0)
    assert len(syncs.live()) == 50
    assert syncs.events("gateway.sync.") == ["gateway.sync.completed", "gateway.sync.held"]
    # The same again is told once, and what comes back ends the waiting.
    assert syncs.full()["state"] == "held"
    assert syncs.events("gateway.sync.").count("gateway.sync.held") == 1
    assert [row.state for row in syncs.runs()] == ["succeeded", "cancelled", "held"]
    contacts.records = gone
    assert counted(syncs.full(), "unchanged", "missing") == (50, 0)
    assert [row.state for row in syncs.runs()] == ["succeeded", "cancelled", "cancelled", "succeeded"]
    assert syncs.pages_kept() == 0


def test_while_a_run_is_held_others_go_on(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(50)
    syncs.full()
    removed = contacts.records
    contacts.records = {}
    syncs.full()
    contacts.records = removed
    contacts.put("c1", name="changed")
    assert counted(syncs.incremental(), "updated") == (1,)
    assert [row.state for row in syncs.runs()] == ["succeeded", "held", "succeeded"]


@pytest.mark.parametrize(("left", "state", "deleted"), [(41, "succeeded", 9), (40, "succeeded", 10), (39, "held", 0)])
def test_a_list_that_shrank(syncs: Syncs, contacts: MemoryResource, left: int, state: str, deleted: int) -> None:
    contacts.fill(50)
    syncs.full()
    gone = {key: contacts.records.pop(key) for key in list(contacts.records)[left:]}
    result = syncs.full()
    assert (result["state"], *counted(result, "deleted")) == (state, deleted)
    assert len(syncs.live()) == 50 - deleted
    assert syncs.events().count("gateway.entity.deleted") == deleted
    contacts.records |= gone
    assert counted(syncs.full(), "revived", "created") == (deleted, 0)
    assert len(syncs.live()) == 50


def test_a_next_link_that_is_missing_looks_like_shrinking(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(50)
    syncs.full()
    contacts.reshape = lambda page, number: replace(page, next=None) if number == 2 else page
    assert syncs.full()["state"] == "held"
    assert len(syncs.live()) == 50


def test_the_same_page_for_ever(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(50)
    syncs.full()
    asked = contacts.count("pages")
    contacts.reshape = lambda page, number: replace(page, next={"offset": 10, "page": 2, "begun": 0})
    result = syncs.full()
    assert (result["state"], result["code"]) == ("failed", "paging_loop")
    assert contacts.count("pages") - asked == 2
    assert len(syncs.live()) == 50


def test_pages_that_go_in_circles(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(20)
    syncs.full()

    def circle(page: RemotePage, number: int) -> RemotePage:
        start = 10 * ((number - 1) % 2)
        records = list(contacts.records.values())[start : start + 10]
        return replace(page, records=records, next={"offset": 0, "page": number + 1, "begun": number})

    contacts.reshape = circle
    result = syncs.full()
    assert (result["state"], result["code"]) == ("failed", "paging_loop")
    assert result["counts"]["pages"] <= 4
    assert len(syncs.live()) == 20


def test_pages_without_an_end(syncs: Syncs, contacts: MemoryResource) -> None:
    syncs.options = SyncOptions(most_pages=5)
    contacts.reshape = lambda page, number: replace(
        page,
        records=[{"id": f"n{number}", "name": "x", "version": 1}],
        next={"offset": number, "page": number + 1, "begun": 0},
    )
    assert syncs.full()["code"] == "too_many_pages"
    assert len(syncs.live()) == 4


def test_items_that_shift_while_they_are_read(syncs: Syncs, contacts: MemoryResource) -> None:
    """One is added at the front between two pages: one comes twice, and one that leaves takes another's place."""
    contacts.fill(30)
    contacts.abilities = without(shifts=True)
    syncs.full()

    def leave(operation: str, page: Any) -> None:
        if operation == "pages" and page == 1:
            contacts.after.clear()
            contacts.remove("c0")

    contacts.after.append(leave)
    result = syncs.full()
    # c10 was on no page, and is looked up; c0 is gone, and was seen.
    assert counted(result, "missing", "kept", "deleted") == (1, 1, 0)
    assert "c10" in syncs.live()
    assert counted(syncs.full(), "missing", "kept", "deleted") == (1, 0, 1)
    assert "c0" not in syncs.live()


def test_where_nothing_can_be_looked_up_two_absences_count(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(30)
    contacts.abilities = without(shifts=True, looks_up=False)
    syncs.full()
    contacts.remove("c5")
    assert counted(syncs.full(), "missing", "kept", "deleted") == (1, 1, 0)
    assert counted(syncs.full(), "missing", "kept", "deleted") == (1, 0, 1)
    assert counted(syncs.full(), "missing", "kept", "deleted") == (0, 0, 0)


def test_duplicates_in_one_page(syncs: Syncs, contacts: MemoryResource) -> None:
    rows = [
        {"id": "a", "name": "old", "updated": 1},
        {"id": "a", "name": "new", "updated": 2},
        {"id": "b", "name": "first"},
        {"id": "b", "name": "second"},
        {"id": "c", "name": "same"},
        {"id": "c", "name": "same"},
    ]
    contacts.reshape = lambda page, _number: replace(page, records=rows, next=None)
    result = syncs.full()
    assert counted(result, "created", "duplicates") == (3, 3)
    assert syncs.names() == {"a": "new", "b": "first", "c": "same"}
    assert [one["integration_id"] for one in syncs.runs()[0].errors] == ["a", "b"]


def test_a_record_that_is_wrong_waits_in_quarantine_and_leaves_it_by_itself(
    syncs: Syncs, contacts: MemoryResource
) -> None:
    contacts.fill(25)
    contacts.put("c3", name=["no", "text"])
    result = syncs.full()
    assert result["state"] == "succeeded"
    assert counted(result, "created", "quarantined") == (24, 1)
    kept = syncs.quarantine()["c3"]
    assert (kept.state, kept.reasons) == (
        "open",
        [{"pointer": "/name", "code": "wrong_type", "message": "must be a text"}],
    )
    assert '"name":["no","text"]' in kept.raw
    assert syncs.cursor() is not None
    assert counted(syncs.full(), "quarantined") == (1,)
    assert syncs.quarantine()["c3"].times == 2
    contacts.put("c3", name="a text")
    assert counted(syncs.incremental(), "created", "repaired") == (1, 1)
    assert syncs.quarantine()["c3"].state == "repaired"


def test_what_waits_in_quarantine_is_not_gone(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(5)
    syncs.full()
    contacts.put("c3", name=["no", "text"])
    assert counted(syncs.full(), "missing", "deleted") == (0, 0)
    assert len(syncs.live()) == 5


def test_a_schema_that_changed_stops_the_run_before_its_page(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(60)
    syncs.full()
    cursor = syncs.cursor()
    for number in range(30):
        contacts.put(f"c{number}", name={"first": "x"})
    result = syncs.incremental()
    assert (result["state"], result["code"]) == ("failed", "error_budget_spent")
    assert len(syncs.live()) == 60
    assert len(syncs.quarantine()) == 30
    after = syncs.cursor()
    assert cursor is not None
    assert after is not None
    # Two pages were within the budget; what came after them is read again.
    assert (cursor.cursor, after.cursor) == ({"after": 60}, {"after": 80})


def test_late_commits_are_found_within_the_overlap(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(5)
    syncs.full()
    contacts.records["late"] = {"id": "late", "name": "Late", "version": 1, "updated": 4}
    assert counted(syncs.incremental(), "created") == (0,)
    contacts.overlap = 3
    assert counted(syncs.incremental(), "created") == (1,)
    cursor = syncs.cursor()
    assert cursor is not None
    assert cursor.cursor == {"after": 5}
    contacts.overlap = 0
    contacts.records["later"] = {"id": "later", "name": "Later", "version": 1, "updated": 1}
    assert counted(syncs.incremental(), "created") == (0,)
    assert counted(syncs.full(), "created") == (1,)


def test_the_clock_of_the_system_is_the_only_one_that_counts(syncs: Syncs, contacts: MemoryResource) -> None:
    """Its times are ahead of ours, or behind: the cursor is of its values."""
    contacts.changes = 10**9
    contacts.fill(3)
    syncs.full()
    syncs.clock.jump(-86_400)
    contacts.put("c1", name="changed")
    assert counted(syncs.incremental(), "updated") == (1,)
    cursor = syncs.cursor()
    assert cursor is not None
    assert cursor.cursor == {"after": 10**9 + 4}


def test_a_cursor_that_expired_is_followed_by_a_full_pull(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    syncs.full()
    contacts.remove("c7")
    contacts.put("c8", name="changed")
    contacts.expired_before = 1_000
    result = syncs.incremental()
    assert result["state"] == "succeeded"
    assert counted(result, "read", "updated", "deleted") == (24, 1, 1)
    assert [one["code"] for one in syncs.runs()[-1].errors] == ["position_expired"]
    contacts.expired_before = 0
    assert counted(syncs.incremental(), "read") == (0,)


def test_a_second_expiry_in_one_run_is_a_fault(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    syncs.full()
    contacts.expired_before = 1_000
    contacts.before.append(failing("pages", PositionExpired("the page is not known any more"), about=2))
    result = syncs.incremental()
    assert (result["state"], result["code"]) == ("failed", "position_expired")
    assert len(syncs.live()) == 25


def test_a_page_that_expired_begins_the_pull_anew(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    contacts.before.append(failing("pages", PositionExpired("the page is not known any more"), about=3))
    result = syncs.full()
    assert result["state"] == "succeeded"
    assert counted(result, "created", "unchanged", "missing") == (25, 20, 0)


def test_a_tombstone_comes_back_to_life_with_what_was_attached_to_it(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(20)
    syncs.full()
    before = syncs.entities()["c1"]
    with syncs.acting() as acting:
        row = acting.session.get(type(before), before.id)
        assert row is not None
        row.user_data = {"note": "met in Lyon"}
    record = contacts.records["c1"]
    contacts.remove("c1")
    assert counted(syncs.incremental(), "deleted") == (1,)
    gone = syncs.entities()["c1"]
    assert (gone.deleted_by, gone.id, gone.user_data) == ("pull", before.id, {"note": "met in Lyon"})
    contacts.put("c1", **{**record, "name": "Again"})
    assert counted(syncs.incremental(), "revived", "created") == (1, 0)
    again = syncs.entities()["c1"]
    assert (again.deleted_at, again.id, again.name) == (None, before.id, "Again")
    assert again.user_data == {"note": "met in Lyon"}
    assert [(one.action, one.origin) for one in syncs.history()] == [("deleted", "pull"), ("restored", "pull")]
    assert syncs.events()[-2:] == ["gateway.entity.deleted", "gateway.entity.created"]


def test_renaming_and_swapping_names_are_updates(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(2)
    syncs.full()
    contacts.put("c0", name="Contact 1")
    contacts.put("c1", name="Contact 0")
    result = syncs.incremental()
    assert counted(result, "updated", "created", "deleted") == (2, 0, 0)
    assert result["counts"]["fields"] == {"name": 2}
    assert syncs.names() == {"c0": "Contact 1", "c1": "Contact 0"}
    assert [one.changes for one in syncs.history()] == [
        {"name": ["Contact 0", "Contact 1"]},
        {"name": ["Contact 1", "Contact 0"]},
    ]


def test_what_became_part_of_another_is_a_tombstone_that_says_so(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(3)
    syncs.full()
    contacts.put("c0", merged_into="c1")
    assert counted(syncs.incremental(), "deleted") == (1,)
    gone = syncs.entities()["c0"]
    assert (gone.deleted_at is not None, gone.merged_into) == (True, "c1")
    assert counted(syncs.full(), "deleted", "revived") == (0, 0)


def test_a_system_that_wants_to_be_left_alone_is_left_alone(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    slow = RateLimited("429", retry_after_seconds=120)
    contacts.before.append(failing("pages", slow, times=4, about=2))
    result = syncs.full()
    assert result["state"] == "succeeded"
    assert syncs.waited == [120, 120, 120, 120]
    assert result["counts"]["waited_seconds"] == 480
    contacts.before.append(failing("pages", slow, times=4, about=2))
    result = syncs.full(deadline_seconds=300)
    assert (result["state"], result["code"]) == ("failed", "system_rate_limited")
    assert syncs.waited == [120, 120]


def test_what_is_no_list_at_all(syncs: Syncs, contacts: MemoryResource) -> None:
    """An HTML page of a login is the client's to refuse; what it says ends the run."""
    contacts.fill(25)
    contacts.before.append(failing("pages", ResponseInvalid("not JSON, but text/html"), about=2))
    result = syncs.full()
    assert (result["state"], result["code"], result["message"]) == (
        "failed",
        "response_invalid",
        "not JSON, but text/html",
    )


def test_a_type_that_breaks_ends_its_run_and_says_no_secret(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    contacts.before.append(failing("pages", KeyError("a secret"), about=2))
    result = syncs.full()
    assert (result["state"], result["code"]) == ("failed", "type_broke")
    assert "secret" not in result["message"]
    assert len(syncs.live()) == 10


def store_named(acting: Acting, syncs: Syncs, ids: list[str]) -> int:
    connection = acting.session.connection()
    return cursors.store_named(connection, acting.tenant.id, syncs.instance_id, "contacts", ids, at=acting.now)


BAD_RECORDS: list[tuple[Any, str]] = [
    ({"id": "x" * 10_240, "name": "an id of 10 KB"}, "id_too_long"),
    ({"name": "no id"}, "missing"),
    ({"id": ""}, "missing"),
    ("no object", "missing"),
    (None, "missing"),
    ({"id": "a\x00b"}, "unstorable_text"),
    ({"id": "a", "note": "x\x00"}, "unstorable_text"),
    ({"id": "b", "note": "half a surrogate: \ud800"}, "not_json"),
    ({"id": "c", "note": float("nan")}, "not_json"),
    ({"id": "d", "note": "x" * 70_000}, "too_large"),
    ({"id": "e", "state": 5}, "wrong_type"),
    ({"id": "f", "updated": "yesterday"}, "mapping_failed"),
]


def test_bad_records_cost_nothing_but_themselves(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(5)
    raws = [raw for raw, _ in BAD_RECORDS]
    contacts.reshape = lambda page, _number: replace(page, records=[*page.records, *raws])
    result = syncs.full()
    assert result["state"] == "succeeded"
    assert counted(result, "created", "quarantined") == (5, len(raws))
    with syncs.acting(write=False) as acting:
        found = acting.session.scalars(select(QuarantinedRecord).order_by(QuarantinedRecord.id))
        assert [row.reasons[0]["code"] for row in found] == [code for _, code in BAD_RECORDS]
    assert counted(syncs.full(), "unchanged", "quarantined") == (5, len(raws))


def test_named_changes_are_fetched_once_each(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(20)
    syncs.full()
    contacts.put("c3", name="changed")
    contacts.put("new", name="New")
    contacts.remove("c4")
    with syncs.acting() as acting:
        named = ["c3", "c3", "new", "c4", "", "never-there", "x" * 1_000]
        assert store_named(acting, syncs, named) == 4
        assert store_named(acting, syncs, ["c3"]) == 1
    read = contacts.count("pages")
    result = syncs.sync(RunMode.CHANGES, trigger="webhook")
    assert counted(result, "created", "updated", "deleted", "requests") == (1, 1, 1, 1)
    assert contacts.count("pages") == read
    assert contacts.calls[-1] == ("look_up", ["c3", "c4", "never-there", "new"])
    assert counted(syncs.sync(RunMode.CHANGES, trigger="webhook"), "requests") == (0,)


def test_what_is_named_again_while_it_is_fetched_is_fetched_again(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(3)
    syncs.full()
    with syncs.acting() as acting:
        store_named(acting, syncs, ["c1"])

    def name_again(operation: str, _about: Any) -> None:
        if operation == "look_up":
            contacts.after.clear()
            syncs.clock.advance(1)
            contacts.put("c1", name="changed meanwhile")
            with syncs.acting() as acting:
                store_named(acting, syncs, ["c1"])

    contacts.after.append(name_again)
    assert counted(syncs.sync(RunMode.CHANGES), "unchanged", "updated") == (1, 0)
    assert counted(syncs.sync(RunMode.CHANGES), "updated") == (1,)


def test_a_system_that_cannot_look_up_is_read_since_its_cursor(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(20)
    contacts.abilities = without(looks_up=False)
    syncs.full()
    contacts.put("c3", name="changed")
    with syncs.acting() as acting:
        store_named(acting, syncs, ["c3"])
    syncs.clock.advance(5)
    assert counted(syncs.sync(RunMode.CHANGES), "read", "updated") == (1, 1)
    assert counted(syncs.sync(RunMode.CHANGES), "pages") == (0,)


def _change_a_few(contacts: MemoryResource) -> None:
    contacts.fill(5, start=100)
    contacts.put("c1", name="changed", number=7)
    contacts.remove("c2")


def _repeat_one_on_each_page(contacts: MemoryResource) -> None:
    contacts.reshape = lambda page, number: replace(
        page, records=[*page.records, {"id": "twice", "name": f"on page {number}"}]
    )


def _spoil_some(contacts: MemoryResource) -> None:
    contacts.put("c1", name=5)
    contacts.put("c9", name="sound")


def _tell_of_deletions(contacts: MemoryResource) -> None:
    contacts.reshape = lambda page, number: replace(page, deleted=["c1", "c2"] if number == 3 else [])


PLANNED: list[Callable[[MemoryResource], object]] = [
    lambda _contacts: None,
    _change_a_few,
    _repeat_one_on_each_page,
    _spoil_some,
    _tell_of_deletions,
    lambda contacts: contacts.records.clear(),
]


@pytest.mark.parametrize("change", PLANNED)
def test_a_plan_tells_what_the_run_that_follows_does(
    syncs: Syncs, contacts: MemoryResource, change: Callable[[MemoryResource], object]
) -> None:
    contacts.fill(25)
    syncs.full()
    change(contacts)

    def state() -> object:
        rows = {key: (row.updated_at, row.content_hash, row.deleted_at) for key, row in syncs.entities().items()}
        cursor = syncs.cursor()
        return rows, syncs.events(""), cursor and cursor.updated_at, set(syncs.quarantine()), syncs.pages_kept()

    before = state()
    plan = syncs.full(is_plan=True)
    assert state() == before
    run = syncs.full()
    assert plan["counts"] == run["counts"]
    assert (plan["held"], plan["code"]) == (run["held"], run["code"])
    assert syncs.runs()[-1].plan == {"run_id": plan["run_id"], "counts": plan["counts"]}


def test_a_plan_of_a_first_pull(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    plan = syncs.incremental(is_plan=True)
    assert syncs.entities() == {}
    assert plan["counts"] == syncs.incremental()["counts"]
