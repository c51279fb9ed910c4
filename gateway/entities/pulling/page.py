"""One page: judged without a transaction, then taken in with its position in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.entities.content import seen_digests
from gateway.entities.external import ExternalResource, Raw
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.applying import apply, count
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.deciding import Gone, without_duplicates
from gateway.entities.pulling.judging import Refused, Taken, judge, record_key
from gateway.entities.pulling.preparing import Scope, prepare
from gateway.entities.quarantine.store import Place, Unsound, mark_repaired, put_aside, unwanted
from gateway.entities.runs.course import Course
from gateway.entities.runs.tally import Tally
from gateway.entities.store.seen import packed
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A page's records: those that can be taken in, those that cannot, and those of which the system says that they are
    gone. `read` is how many there were. `seen` has the digests of all ids that are there, also of records that cannot
    be read: they are not gone.
    """

    taken: Sequence[Taken]
    refused: Sequence[Refused]
    gone: Sequence[Gone]
    differing: Sequence[str]
    duplicates: int
    read: int
    seen: bytes


def sort_out(resource: ExternalResource, records: Iterable[Raw], deleted: Iterable[str] = ()) -> Sorted:
    """Judge a page. Pure."""
    taken: list[Taken] = []
    refused: list[Refused] = []
    gone = [Gone(one) for one in deleted]
    read = 0
    for raw in records:
        read += 1
        judged = judge(resource, raw)
        if isinstance(judged, Refused):
            refused.append(judged)
        elif judged.mapped.is_deleted or judged.mapped.merged_into is not None:
            gone.append(Gone(judged.mapped.integration_id, judged.mapped.merged_into))
        else:
            taken.append(judged)
    kept, differing = without_duplicates(taken)
    duplicates = len(taken) - len(kept)
    # Of one page that says both, it is there.
    there = {one.mapped.integration_id for one in kept}
    gone = [one for one in gone if one.integration_id not in there]
    seen = packed(seen_digests([*there, *(one.integration_id for one in refused if one.integration_id is not None)]))
    return Sorted(
        taken=kept, refused=refused, gone=gone, differing=differing, duplicates=duplicates, read=read, seen=seen
    )


def only_gone(ids: Sequence[str]) -> Sorted:
    """Deletions and nothing else. Pure."""
    gone = [Gone(one) for one in ids]
    return Sorted(taken=(), refused=(), gone=gone, differing=(), duplicates=0, read=0, seen=b"")


def is_beyond_budget(options: SyncOptions, tally: Tally) -> bool:
    """Whether so much goes to quarantine that it is not the records that are wrong. Pure."""
    invalid = tally["quarantined"]
    return invalid > options.invalid_above and invalid > options.invalid_share * tally["read"]


def take_in(pulling: Pulling, acting: Acting, course: Course, scope: Scope, page: Sorted, waiting: set[bytes]) -> None:
    """Bring a page into the entities. `waiting` are the keys of the resource's records in quarantine, kept up to date
    by whoever reads the resource.
    """
    prepared = prepare(pulling.view(acting), scope, page.taken, page.gone)
    tally = course.tally
    tally.add("read", page.read)
    count(prepared, tally)
    _tell_duplicates(scope, page, tally)
    repaired = _repaired(page, waiting)
    tally.add("repaired", len(repaired))
    if pulling.overlay is not None:
        pulling.overlay.keep(scope, prepared)
        return
    apply(acting, scope, prepared)
    mark_repaired(acting.session.connection(), place_of(scope), repaired, at=acting.now)


def set_aside(pulling: Pulling, acting: Acting, course: Course, scope: Scope, page: Sorted) -> frozenset[bytes]:
    """Bring what cannot be taken in into quarantine; the keys of what waits there now."""
    connection = acting.session.connection()
    records = [unsound_of(one) for one in page.refused]
    if not records:
        return frozenset()
    not_wanted = unwanted(connection, place_of(scope), records)
    kept = [one for one in records if one.key not in not_wanted]
    course.tally.add("quarantined", len(kept))
    course.tally.add("discarded", len(records) - len(kept))
    for one in kept:
        first = one.reasons[0]
        about = {"resource": scope.resource, "integration_id": one.integration_id, "pointer": first["pointer"]}
        course.tally.error(first["code"], first["message"], **about)
    if pulling.overlay is None:
        put_aside(connection, place_of(scope), kept, at=acting.now)
    return frozenset(one.key for one in kept)


def _repaired(page: Sorted, waiting: set[bytes]) -> list[bytes]:
    if not waiting:
        return []
    keys = (record_key(one.mapped.integration_id) for one in page.taken)
    return [key for key in keys if key in waiting]


def _tell_duplicates(scope: Scope, page: Sorted, tally: Tally) -> None:
    tally.add("duplicates", page.duplicates)
    for integration_id in page.differing:
        message = "the id came twice in one page, and said different things: the later one counts, else the first"
        tally.error("duplicate_id", message, resource=scope.resource, integration_id=integration_id)


def place_of(scope: Scope) -> Place:
    """Where records of this scope come from."""
    external = scope.external
    return Place(external.tenant_id, external.instance_id, scope.resource, scope.run_id)


def unsound_of(refused: Refused) -> Unsound:
    """A record as it goes to quarantine."""
    reasons: list[Mapping[str, Any]] = [
        {"pointer": one.pointer, "code": one.code, "message": one.message} for one in refused.flaws
    ]
    if refused.is_cut:
        message = "the record was too long, or had text that cannot be stored: what is kept is not all of it"
        reasons.append({"pointer": "", "code": "cut", "message": message})
    return Unsound(refused.key, refused.integration_id, refused.raw, reasons)
