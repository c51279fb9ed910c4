"""What becomes of a rejection that somebody wants taken in, and of many in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum


class Outcome(StrEnum):
    """What became of it, or would."""

    ACCEPTED = "accepted"  # its events are in the journal
    DUPLICATE = "duplicate"  # they had come by another way: nothing new is delivered
    ACCEPTED_BEFORE = "accepted_before"  # it was taken in before
    REFUSED = "refused"  # judged again it is refused again
    INCOMPLETE = "incomplete"  # a part of it was not kept, so that it cannot be judged


@dataclass(frozen=True, slots=True)
class Judged:
    """One rejection: `detail` says why it is refused, `event_ids` what stands in the journal for it."""

    rejection_id: str
    outcome: Outcome
    detail: str | None = None
    event_ids: tuple[str, ...] = ()

    @property
    def is_in_journal(self) -> bool:
        """Whether its events are there, whenever they came."""
        return self.outcome not in (Outcome.REFUSED, Outcome.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class AcceptanceCounts:
    """How many rejections had which outcome."""

    accepted: int = 0
    duplicate: int = 0
    accepted_before: int = 0
    refused: int = 0
    incomplete: int = 0

    def __add__(self, other: AcceptanceCounts) -> AcceptanceCounts:
        return AcceptanceCounts(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(AcceptanceCounts))
        )

    @property
    def total(self) -> int:
        """How many were looked at."""
        return sum(getattr(self, one.name) for one in fields(AcceptanceCounts))


def counts_of(judged: Iterable[Judged]) -> AcceptanceCounts:
    """The same in numbers."""
    found = dict.fromkeys((one.name for one in fields(AcceptanceCounts)), 0)
    for one in judged:
        found[one.outcome] += 1
    return AcceptanceCounts(**found)
