"""Deleting what a complete full pull did not see: counted first, then held for a person or turned into tombstones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gateway.entities.external import ExternalResource, Raw
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.missing import is_beyond_threshold, unseen
from gateway.entities.pulling.page import sort_out, take_in
from gateway.entities.pulling.reading import asked
from gateway.entities.runs.course import Course
from gateway.entities.store.known import count_live, every_live_id
from gateway.entities.store.seen import earlier_pages, pages_seen
from gateway.tenants.acting import Acting

DELETING = "deleting"
SAMPLE = 10
LOOK_UPS = 100


@dataclass(slots=True)
class Missing:
    """What was not seen of a resource that has `known` entities. `ids` are external ones, and not all where there are
    too many to delete. `doubtful` are those of which one absence proves nothing.
    """

    resource: str
    known: int = 0
    missing: int = 0
    doubtful: int = 0
    ids: list[str] = field(default_factory=list)


def delete_missing(pulling: Pulling) -> Mapping[str, Any] | None:
    """Turn into tombstones what no page of the complete resources had; what is held instead, where it is too much."""
    is_going_on = pulling.course.position.get("phase") == DELETING
    resources = [one for one in pulling.external.resources if one.name in pulling.course.position.get("complete", ())]
    found = {one.name: _missing(pulling, one) for one in resources}
    missing = sum(one.missing for one in found.values())
    doubtful = sum(one.doubtful for one in found.values())
    if not is_going_on and (missing or doubtful):
        beyond = [
            one for one in resources
            if is_beyond_threshold(found[one.name].known, found[one.name].missing, pulling.options, one.abilities)
        ]  # fmt: skip
        _note(pulling, missing, doubtful, phase=None if beyond else DELETING)
        if beyond:
            return _held(pulling, resources, found)
    for resource in resources:
        _delete(pulling, resource, found[resource.name].ids)
    return None


def _note(pulling: Pulling, missing: int, doubtful: int, *, phase: str | None) -> None:
    def work(_acting: Acting, course: Course) -> None:
        course.tally.add("missing", missing + doubtful)
        course.tally.add("kept", doubtful)

    position = {**pulling.course.position, **({} if phase is None else {"phase": phase})}
    pulling.commit(work, position=position, line=f"{missing} are gone")


def _missing(pulling: Pulling, resource: ExternalResource) -> Missing:
    """What was not seen: where one absence proves nothing and nothing can be looked up, twice in a row."""
    found = Missing(resource.name)
    needs_two = needs_two_absences(resource)
    with pulling.reading() as acting:
        room = count_live(acting.session.connection(), pulling.external.instance_id, resource.kind)
        if not resource.abilities.is_transient:
            room = SAMPLE + int(room * max(pulling.options.delete_share, 0.5))
        for part, compared in unseen(_live(pulling, acting, resource), _seen(pulling, acting, resource)):
            sure = _absent_before(pulling, acting, resource, part) if needs_two else part
            found.known += compared
            found.missing += len(sure)
            found.doubtful += len(part) - len(sure)
            found.ids += [one[0] for one in sure[: room - len(found.ids)]]
            pulling.run.checkpoint()
    return found


def needs_two_absences(resource: ExternalResource) -> bool:
    """Whether a record has to be missing from two complete full pulls in a row before it counts as gone."""
    return resource.abilities.shifts and not resource.abilities.looks_up


def _absent_before(
    pulling: Pulling, acting: Acting, resource: ExternalResource, part: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Those that the complete full pull before did not see either."""
    connection, instance_id = acting.session.connection(), pulling.external.instance_id

    def pages() -> Iterator[bytes]:
        return earlier_pages(connection, instance_id, pulling.course.id, resource.name)

    if next(pages(), None) is None:
        return []
    return [one for some, _ in unseen([part], pages) for one in some]


def _live(pulling: Pulling, acting: Acting, resource: ExternalResource) -> Iterator[list[tuple[str, str]]]:
    connection = acting.session.connection()
    for some in every_live_id(connection, pulling.external.instance_id, resource.kind):
        if pulling.overlay is None:
            yield some
            continue
        planned = pulling.overlay.known(resource.kind, [one[0] for one in some])
        yield [one for one in some if one[0] not in planned or planned[one[0]].deleted_by is None]


def _seen(pulling: Pulling, acting: Acting, resource: ExternalResource) -> Callable[[], Iterator[bytes]]:
    if pulling.overlay is not None:
        overlay = pulling.overlay
        return lambda: overlay.seen(resource.name)
    connection = acting.session.connection()
    return lambda: pages_seen(connection, pulling.course.id, resource.name)


def _held(pulling: Pulling, resources: Sequence[ExternalResource], found: Mapping[str, Missing]) -> Mapping[str, Any]:
    """What a person is asked, and all that is needed to do it then."""
    external, options = pulling.external, pulling.options
    return {
        "resources": {
            one.name: {
                "kind": one.kind,
                "known": found[one.name].known,
                "missing": found[one.name].missing,
                "sample": found[one.name].ids[:SAMPLE],
            }
            for one in resources
            if found[one.name].missing
        },
        "integration": external.name,
        "integration_name": external.integration_name,
        "options": {"entity_events": options.entity_events, "batch": options.batch, "deletes": options.deletes},
    }


def _delete(pulling: Pulling, resource: ExternalResource, ids: Sequence[str]) -> None:
    looks_up = resource.abilities.shifts and resource.abilities.looks_up
    size = min(LOOK_UPS, pulling.options.batch) if looks_up else pulling.options.batch
    done = 0
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        there: list[Raw] = []
        gone = list(part)
        if looks_up:
            answers = asked(pulling, partial(resource.look_up, part))
            there = [raw for raw in answers.values() if raw is not None]
            gone = [one for one in part if one in answers and answers[one] is None]
        line = f"{resource.name}: {done + len(gone)} deleted"
        _commit(pulling, resource, gone, there, kept=len(part) - len(gone), requests=int(looks_up), line=line)
        done += len(gone)


def _commit(
    pulling: Pulling,
    resource: ExternalResource,
    gone: Sequence[str],
    there: Sequence[Raw],
    *,
    kept: int,
    requests: int,
    line: str,
) -> None:
    found = sort_out(resource, there, gone)
    scope = pulling.scope(resource)

    def work(acting: Acting, course: Course) -> None:
        course.tally.add("kept", kept)
        course.tally.add("requests", requests)
        take_in(pulling, acting, course, scope, found, set())

    pulling.commit(work, position=pulling.course.position, line=line)
