"""Two stores and a base under random edits, deletions, faults and kills: once all is quiet both sides are equal,
nothing that anybody did is gone without a record, and a further sync does nothing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as rounds
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select

from gateway.clients.errors import DeadlineExceeded, FailedCall, Unavailable
from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.entities.external import Policy
from gateway.entities.models import Entity, HistoryEntry, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.states import RunMode
from gateway.entities.syncing import SyncRequest, sync
from gateway.errors import Conflict, StorageUnavailable
from gateway.installation import Installation
from gateway.jobs.interruption import Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.run import JobRun
from tests.integration.entities.conftest import INSTANCE, NoPayload, Sides
from tests.services.memory_system import failing

FIELDS = st.sampled_from(["phone", "city"])
VALUES = st.sampled_from(["a", "b", "c", " D ", None])
NUMBERS = st.integers(0, 3)
SIDES = st.sampled_from(["local", "external"])
LOST = DeadlineExceeded("no answer came", call=FailedCall(may_have_happened=True))
WRITES = ("create", "update", "delete")
FAULTS: Mapping[str, Callable[[Sides, str], None]] = {
    "refused": lambda sides, what: sides.there.before.append(failing(what, Unavailable("down"))),
    "lost": lambda sides, what: sides.there.after.append(failing(what, LOST)),
    "broken": lambda sides, what: sides.there.after.append(failing(what, ZeroDivisionError("a defect"))),
}
QUIET_ROUNDS = 30
DAY = 86_400


class TwoSides(RuleBasedStateMachine):
    """`template` is a migrated database."""

    def __init__(self, template: Path) -> None:
        super().__init__()
        self._folder = tempfile.mkdtemp()
        path = Path(self._folder, "gateway.db")
        shutil.copyfile(template, path)
        settings = Settings(database_url=f"sqlite:///{path}", encryption_key_file=Path(self._folder, "key"))
        self.sides = Sides(Installation(settings, clock=FakeClock()), FakeClock())
        self.sides.clock = self.sides.installation.clock  # type: ignore[assignment]
        self.kills = False

    @initialize(
        policy=st.sampled_from(list(Policy)),
        deletes=st.sampled_from(["manual", "edit_wins", "delete_wins"]),
        normalises=st.booleans(),
        is_conditional=st.booleans(),
    )
    def begin(self, policy: Policy, deletes: Any, normalises: bool, is_conditional: bool) -> None:
        self.sides.options = SyncOptions(policy=policy, deletes=deletes, delete_share=1.0, delete_all_above=10**6)
        if normalises:
            self.sides.there.normalise = _trimmed
        if not is_conditional:
            from tests.services.memory_system import without

            self.sides.there.abilities = without(is_conditional=False)
        for number in range(3):
            self.sides.there.put(f"c{number}", phone="a", city="a")
        self.pull()

    # What happens there.

    @rule(number=NUMBERS, field=FIELDS, value=VALUES)
    def edit_there(self, number: int, field: str, value: Any) -> None:
        self.sides.there.put(f"c{number}", **{field: value})

    @rule(number=NUMBERS)
    def delete_there(self, number: int) -> None:
        if f"c{number}" in self.sides.there.records:
            self.sides.there.remove(f"c{number}")

    # What happens here.

    @rule(number=NUMBERS, field=FIELDS, value=VALUES)
    def edit_here(self, number: int, field: str, value: Any) -> None:
        live = [one for one in self.entities() if one.deleted_at is None]
        if live:
            self.sides.set(live[number % len(live)].id, **{field: value})

    @rule(value=VALUES)
    def create_here(self, value: Any) -> None:
        if len(self.entities()) < 8:
            self.sides.create(phone=value, city="new")

    @rule(number=NUMBERS)
    def delete_here(self, number: int) -> None:
        live = [one for one in self.entities() if one.deleted_at is None]
        if live:
            self.sides.delete(live[number % len(live)].id)

    @rule(number=NUMBERS)
    def restore_here(self, number: int) -> None:
        gone = [one for one in self.entities() if one.deleted_at is not None]
        if gone:
            try:
                self.sides.restore(gone[number % len(gone)].id)
            except Conflict as error:
                assert "being sent" in str(error)  # noqa: PT017 (any other is a defect)

    @rule(side=SIDES)
    def decide(self, side: str) -> None:
        waiting = [one for one in self.sides.conflicts() if one.state == "open"]
        if len(waiting) == 1:
            self.sides.resolve(take=side)

    # What goes between.

    @rule()
    def pull(self) -> None:
        self.synced()

    @rule(fault=st.sampled_from([None, *FAULTS]), what=st.sampled_from(WRITES))
    def push(self, fault: str | None, what: str) -> None:
        if fault is not None:
            FAULTS[fault](self.sides, what)
        self.sides.push()

    @rule(when=st.sampled_from(["before", "after"]))
    def push_and_be_killed(self, when: str) -> None:
        """The process that pushes is gone amid a call, before or after it took effect: it commits nothing more."""
        runs: list[JobRun] = []

        def die(called: str, _about: Any) -> None:
            if called in WRITES and runs:
                runs[0]._interruption.interrupt(Reason.LOST)
                if when == "before":
                    raise Unavailable("the process is gone")

        hooks = self.sides.there.before if when == "before" else self.sides.there.after
        hooks.append(die)
        try:
            self.sides.push(watch=runs.append)
        except StorageUnavailable:
            # So it is told that somebody else has the job.
            pass
        hooks.remove(die)

    @rule(number=NUMBERS)
    def push_while_somebody_pulls(self, number: int) -> None:
        """An echo, or somebody else's edit, is seen before the push has its answer."""

        def see(called: str, _about: Any) -> None:
            if called in ("create", "update"):
                self.sides.there.after.remove(see)
                self.sides.there.put(f"c{number}", city="amid")
                self.synced()

        self.sides.options = _one_at_a_time(self.sides.options)
        self.sides.there.after.append(see)
        self.sides.push()
        if see in self.sides.there.after:
            self.sides.there.after.remove(see)

    @rule(seconds=st.sampled_from([10, 130, 4_000]))
    def wait(self, seconds: float) -> None:
        self.sides.later(seconds)

    # What holds in the end.

    def teardown(self) -> None:
        try:
            self.be_quiet()
            self.both_sides_are_equal()
            self.nothing_is_gone_without_a_record()
            self.a_further_sync_does_nothing()
        finally:
            self.sides.installation.close()
            shutil.rmtree(self._folder)

    def be_quiet(self) -> None:
        self.sides.there.before.clear()
        self.sides.there.after.clear()
        for number in range(QUIET_ROUNDS):
            self.sides.later(DAY)
            self.sides.push()
            self.synced()
            self.decide_all("local" if number % 2 else "external")
            if not self.unsettled():
                return
        raise AssertionError(f"not quiet: {[(one.state, one.reason, one.detail) for one in self.unsettled()]}")

    def decide_all(self, side: str) -> None:
        from gateway.entities.resolving.choices import Resolution
        from gateway.entities.resolving.conflicts import resolve_conflict

        for conflict in self.sides.conflicts():
            if conflict.state == "open":
                with self.sides.acting() as acting:
                    resolve_conflict(acting, self.sides.instances, conflict.id, Resolution(take=side))

    def both_sides_are_equal(self) -> None:
        live = {one.integration_id: one for one in self.entities() if one.deleted_at is None}
        assert sorted(live) == sorted(self.sides.there.records)
        for record_id, record in self.sides.there.records.items():
            assert live[record_id].attributes == dict(self.sides.there.map(record).attributes), record_id
            assert live[record_id].base is None, record_id

    def nothing_is_gone_without_a_record(self) -> None:
        with self.sides.acting(write=False) as acting:
            edits = acting.session.scalars(select(LocalChange).order_by(LocalChange.id)).all()
            history = acting.session.scalars(select(HistoryEntry).order_by(HistoryEntry.id)).all()
        assert all(one.state in ("done", "dropped") for one in edits)
        assert all(one.reason for one in edits if one.state == "dropped")
        there = {one.id: one for one in self.entities()}
        for edit in edits:
            entity = there.get(edit.entity_id)
            if entity is None or edit.operation == "delete":
                continue
            for name, value in edit.fields.items():
                after = [
                    one for one in history if one.entity_id == edit.entity_id and one.id > edit.id.replace("chg", "his")
                ]
                is_kept = entity.attributes.get(name) == value
                assert is_kept or any(name in one.changes or one.action == "deleted" for one in after), (name, value)

    def a_further_sync_does_nothing(self) -> None:
        before = self.counted()
        self.sides.later(DAY)
        self.sides.push()
        self.synced()
        assert self.counted() == before

    def counted(self) -> Any:
        with self.sides.acting(write=False) as acting:
            entities = [(one.id, one.updated_at, one.content_hash) for one in self.entities()]
            history = len(acting.session.scalars(select(HistoryEntry.id)).all())
        told = [one for one in self.sides.events() if not one.startswith("gateway.sync.")]
        return entities, history, told, [self.sides.there.count(one) for one in WRITES]

    def entities(self) -> list[Entity]:
        with self.sides.acting(write=False) as acting:
            return list(
                acting.session.scalars(select(Entity).where(Entity.instance_id == INSTANCE).order_by(Entity.id))
            )

    def unsettled(self) -> list[LocalChange]:
        with self.sides.acting(write=False) as acting:
            return [one for one in acting.session.scalars(select(LocalChange)) if one.state not in ("done", "dropped")]

    def synced(self) -> None:
        def run(run: JobRun) -> Result:
            return sync(run, self.sides.external, self.sides.options, SyncRequest(mode=RunMode.FULL, trigger="person"))

        result = self.sides.carry_out(Kind(name="tests.sync", payload=NoPayload, run=run, timeout_seconds=60.0))
        assert result["state"] == "succeeded", result


def _trimmed(record: dict[str, Any]) -> None:
    for name in ("phone", "city"):
        if isinstance(record.get(name), str):
            record[name] = record[name].strip().lower()


def _one_at_a_time(options: SyncOptions) -> SyncOptions:
    from dataclasses import replace

    return replace(options, push_concurrency=1)


def test_both_sides_come_to_be_equal_whatever_happens(request: pytest.FixtureRequest) -> None:
    template: Path = request.getfixturevalue("_sqlite_template")
    settings = rounds(
        max_examples=int(os.environ.get("EXAMPLES", "10")),
        stateful_step_count=16,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize="EXAMPLES" not in os.environ,
    )
    run_state_machine_as_test(lambda: TwoSides(template), settings=settings)
