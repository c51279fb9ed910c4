"""What becomes of a record or of a deletion, by what is known of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from gateway.entities.pulling.judging import Taken
from gateway.entities.store.known import Known

LOCAL = "local"


class Step(StrEnum):
    """What is done with a record, or with a deletion that the system told of."""

    CREATE = "create"  # it is new
    UPDATE = "update"  # it says something else than before
    MERGE = "merge"  # it says something else than before, and so do edits that are on their way to it
    REVIVE = "revive"  # it was gone, and is there again
    CONTEST = "contest"  # it was deleted here, and changed there
    VERSION = "version"  # it says the same, under another version
    DELETE = "delete"  # the system says that it is gone
    LOSE = "lose"  # it is gone there, and was edited here
    NOTHING = "nothing"  # as it is known


class Gone(NamedTuple):
    """A record of which the system itself says that it is gone, perhaps into another one."""

    integration_id: str
    merged_into: str | None = None


def step_of(taken: Taken, known: Known | None, *, is_conditional: bool, is_leaving: bool = False) -> Step:
    """What becomes of a record. `is_conditional`: its version is sent with writes, so that it has to be the last one.
    `is_leaving`: it was deleted here, and that is on its way.
    """
    if known is None:
        return Step.CREATE
    is_same = known.content_hash == taken.digest
    if known.deleted_by is not None:
        if is_leaving:
            return Step.NOTHING if is_same else Step.CONTEST
        return Step.REVIVE
    if not is_same:
        return Step.MERGE if known.is_edited else Step.UPDATE
    return Step.VERSION if is_conditional and known.version != taken.mapped.version else Step.NOTHING


def step_of_gone(gone: Gone, known: Known | None) -> Step:
    """What becomes of a deletion."""
    if known is None:
        return Step.NOTHING
    if known.deleted_by is not None:
        return Step.DELETE if gone.merged_into and gone.merged_into != known.merged_into else Step.NOTHING
    return Step.LOSE if known.is_edited else Step.DELETE


def without_duplicates(taken: Iterable[Taken]) -> tuple[list[Taken], list[str]]:
    """One record for each id, and the ids that came more than once and said different things. The last one by time or
    version stays, the first one where neither tells.
    """
    kept: dict[str, Taken] = {}
    differing: dict[str, None] = {}
    for one in taken:
        other = kept.setdefault(one.mapped.integration_id, one)
        if other is not one and other.digest != one.digest:
            differing[one.mapped.integration_id] = None
            if _is_later(one, other):
                kept[one.mapped.integration_id] = one
    return list(kept.values()), list(differing)


def _is_later(one: Taken, other: Taken) -> bool:
    at, before = one.mapped.updated_at, other.mapped.updated_at
    if at is not None and before is not None and at != before:
        return at > before
    version, earlier = one.mapped.version or "", other.mapped.version or ""
    return version.isdecimal() and earlier.isdecimal() and int(version) > int(earlier)
