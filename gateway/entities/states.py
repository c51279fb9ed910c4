"""The states of sync runs, local changes, conflicts and quarantined records, and which step leads where. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import Any

from gateway.errors import IllegalTransition


class RunState(StrEnum):
    """How far a sync run is."""

    RUNNING = "running"  # under way, or waiting for a worker to go on with it
    HELD = "held"  # complete but for deletions beyond the safety threshold: a person decides
    SUCCEEDED = "succeeded"  # done
    FAILED = "failed"  # given up; what was committed stays
    CANCELLED = "cancelled"  # stopped by a person; what was committed stays
    REJECTED = "rejected"  # a person decided that its deletions are wrong: nothing was deleted


class RunMode(StrEnum):
    """What a sync run reads."""

    FULL = "full"  # everything, and so it may find what is gone
    INCREMENTAL = "incremental"  # what changed since the cursor
    CHANGES = "changes"  # what a webhook or a stream named


class ChangeState(StrEnum):
    """How far a local change is on its way to the external system."""

    PENDING = "pending"  # waits for its turn
    SENDING = "sending"  # a process holds it; its mark is on record, its answer is not
    DONE = "done"  # the external system has it
    CONFLICT = "conflict"  # a person decides
    PARKED = "parked"  # cannot be sent as it is; waits for a person, with the reason
    DROPPED = "dropped"  # given up: a conflict's outcome, or a person's decision


class ConflictState(StrEnum):
    """Whether a conflict still waits for somebody."""

    OPEN = "open"  # waits for a person
    RESOLVED = "resolved"  # decided


class QuarantineState(StrEnum):
    """What became of a record that could not be taken in."""

    OPEN = "open"  # waits to be read again, repaired, or discarded
    REPAIRED = "repaired"  # was taken in later
    DISCARDED = "discarded"  # a person decided that it is not wanted


_DECIDED: Set[RunState] = frozenset({RunState.RUNNING, RunState.REJECTED, RunState.CANCELLED})

TRANSITIONS: Mapping[Any, Set[Any]] = {
    RunState.RUNNING: frozenset({RunState.HELD, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
    RunState.HELD: _DECIDED,
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.REJECTED: frozenset(),
    ChangeState.PENDING: frozenset(
        {ChangeState.SENDING, ChangeState.DONE, ChangeState.DROPPED, ChangeState.CONFLICT, ChangeState.PARKED}
    ),
    ChangeState.SENDING: frozenset(ChangeState) - {ChangeState.SENDING},
    ChangeState.CONFLICT: frozenset({ChangeState.PENDING, ChangeState.DROPPED, ChangeState.DONE}),
    ChangeState.PARKED: frozenset({ChangeState.PENDING, ChangeState.DONE, ChangeState.DROPPED, ChangeState.CONFLICT}),
    ChangeState.DONE: frozenset(),
    ChangeState.DROPPED: frozenset(),
    ConflictState.OPEN: frozenset({ConflictState.RESOLVED}),
    ConflictState.RESOLVED: frozenset(),
    QuarantineState.OPEN: frozenset({QuarantineState.REPAIRED, QuarantineState.DISCARDED}),
    QuarantineState.REPAIRED: frozenset({QuarantineState.OPEN}),
    QuarantineState.DISCARDED: frozenset({QuarantineState.OPEN}),
}


def check_step(now: StrEnum, wanted: StrEnum) -> None:
    """Raise `IllegalTransition` where no step leads from `now` to `wanted`; staying is always allowed."""
    if wanted is not now and wanted not in TRANSITIONS[now]:
        raise IllegalTransition(f"what is {now} cannot become {wanted}")
