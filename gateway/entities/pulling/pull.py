"""Pulling a resource: everything, or what changed since its cursor. A page, its position and its cursor are committed
together; a full pull's cursor counts when it is complete.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.clients.errors import PositionExpired
from gateway.entities.external import Cursor, ExternalResource, RemotePage
from gateway.entities.pulling.context import PullFailed, Pulling
from gateway.entities.pulling.loading import loaded
from gateway.entities.pulling.page import Sorted, is_beyond_budget, set_aside, sort_out, take_in
from gateway.entities.pulling.reading import Reading, Repeats, pages_of
from gateway.entities.quarantine.store import open_keys
from gateway.entities.runs.course import Course
from gateway.entities.states import RunMode
from gateway.entities.store.cursors import Kept, cursor_of, forget_named_until, keep_cursor
from gateway.entities.store.seen import add_page, forget_pages, pages_seen
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

EXPIRED = "position_expired"

_log = get_logger(__name__)


class BudgetSpent(Exception):
    """So much of a resource goes to quarantine that it is not its records that are wrong."""


def pull_resource(pulling: Pulling, resource: ExternalResource) -> None:
    """Read one resource to its end. Raises `PullFailed`, `IntegrationError`, `JobInterrupted`."""
    reading = _begun(pulling, resource)
    try:
        _read(pulling, resource, reading)
    except PositionExpired as expired:
        if reading.is_fallback:
            raise
        _fall_back(pulling, resource, expired)


def _begun(pulling: Pulling, resource: ExternalResource) -> Reading:
    """Where to begin, or to go on."""
    kept = pulling.course.position.get("reading")
    if kept is not None and kept["resource"] == resource.name:
        return Reading(**kept)
    since = None
    if pulling.course.mode is not RunMode.FULL and resource.abilities.is_incremental:
        with pulling.reading() as acting:
            found = cursor_of(acting.session.connection(), pulling.external.instance_id, resource.name)
        since = found.cursor if found.full_at is not None else None
    return Reading(resource=resource.name, since=since)


def _fall_back(pulling: Pulling, resource: ExternalResource, expired: PositionExpired) -> None:
    """Read everything, since the system does not know any more where we were. Once: a second time is a fault."""
    _log.warning("the position is not known any more: reading everything", resource=resource.name, error=str(expired))
    message = f"where to go on from is not known any more, so everything was read: {expired}"
    pulling.course.tally.error(EXPIRED, message, resource=resource.name)
    reading = Reading(resource=resource.name, is_fallback=True)

    def forget(acting: Acting, _course: Course) -> None:
        if pulling.overlay is not None:
            pulling.overlay.forget_seen(resource.name)
        else:
            forget_pages(acting.session.connection(), pulling.course.id, resource.name)

    position = {**pulling.course.position, "reading": reading.document()}
    pulling.commit(forget, position=position, line=f"{resource.name}: from the beginning")
    _read(pulling, resource, reading)


def _read(pulling: Pulling, resource: ExternalResource, reading: Reading) -> None:
    repeats = Repeats()
    with pulling.reading() as acting:
        connection = acting.session.connection()
        waiting = open_keys(connection, pulling.external.instance_id, resource.name)
        if reading.is_full and reading.number > 1:
            for seen in pages_seen(connection, pulling.course.id, resource.name):
                repeats.add(seen)
    for page in pages_of(pulling, resource, reading):
        found = sort_out(resource, page.records, page.deleted)
        repeats.add(found.seen)
        repeats.require_few(resource)
        _take(pulling, resource, reading, page, loaded(pulling, resource, found), waiting)


def _take(
    pulling: Pulling,
    resource: ExternalResource,
    reading: Reading,
    page: RemotePage,
    found: Sorted,
    waiting: set[bytes],
) -> None:
    """Commit one page, and move the reading on."""
    scope = pulling.scope(resource)
    number, cursor = reading.number, reading.cursor if page.cursor is None else page.cursor
    put: frozenset[bytes] = frozenset()

    def work(acting: Acting, course: Course) -> None:
        nonlocal put
        _count(course, page)
        put = set_aside(pulling, acting, course, scope, found)
        if is_beyond_budget(pulling.options, course.tally):
            raise BudgetSpent(resource.name)
        take_in(pulling, acting, course, scope, found, waiting)
        _see(pulling, acting, course, resource, number if reading.is_full else None, found.seen)
        if pulling.overlay is None:
            _keep_cursor(pulling, acting, course, resource, reading, page, cursor)

    position = _position_after(pulling, resource, reading, page, cursor)
    try:
        pulling.commit(work, position=position, line=f"{resource.name}: page {number}")
    except BudgetSpent:
        _stop_at(pulling, resource, page, found)
    waiting |= put
    reading.at, reading.number, reading.cursor = page.next, number + 1, cursor


def _stop_at(pulling: Pulling, resource: ExternalResource, page: RemotePage, found: Sorted) -> None:
    """Keep what is wrong with a page, and nothing else of it. Raises `PullFailed`."""
    scope = pulling.scope(resource)

    def work(acting: Acting, course: Course) -> None:
        _count(course, page)
        course.tally.add("read", found.read)
        set_aside(pulling, acting, course, scope, found)

    pulling.commit(work, position=pulling.course.position, line=f"{resource.name}: too much is wrong")
    wrong, read = pulling.course.tally["quarantined"], pulling.course.tally["read"]
    message = f"{resource.name}: {wrong} of {read} records are not what they should be: did its schema change?"
    raise PullFailed("error_budget_spent", message)


def _count(course: Course, page: RemotePage) -> None:
    course.tally.add("pages")
    course.tally.add("requests", page.requests)
    course.tally.waited_seconds += page.waited_seconds


def _see(
    pulling: Pulling, acting: Acting, course: Course, resource: ExternalResource, number: int | None, seen: bytes
) -> None:
    """Keep what a page of a full pull had, where that has everything."""
    if number is None or not resource.abilities.is_complete:
        return
    if pulling.overlay is not None:
        pulling.overlay.see(resource.name, number, seen)
    else:
        add_page(acting.session.connection(), acting.tenant.id, course.id, resource.name, number, seen)


def _keep_cursor(
    pulling: Pulling,
    acting: Acting,
    course: Course,
    resource: ExternalResource,
    reading: Reading,
    page: RemotePage,
    cursor: Cursor | None,
) -> None:
    """Of a full pull when it is complete, of others with each page that gives one."""
    connection, instance_id = acting.session.connection(), pulling.external.instance_id
    if reading.is_full and page.next is None:
        kept = Kept(cursor, acting.now)
        forget_named_until(connection, instance_id, resource.name, course.started_at)
    elif not reading.is_full and page.cursor is not None:
        kept = Kept(cursor, cursor_of(connection, instance_id, resource.name).full_at)
    else:
        return
    keep_cursor(connection, acting.tenant.id, instance_id, resource.name, kept, at=acting.now)


def _position_after(
    pulling: Pulling, resource: ExternalResource, reading: Reading, page: RemotePage, cursor: Cursor | None
) -> dict[str, Any]:
    """Where another process would go on after this page."""
    before = pulling.course.position
    if page.next is not None:
        following = replace(reading, at=dict(page.next), number=reading.number + 1, cursor=cursor)
        return {**before, "reading": following.document()}
    is_complete = reading.is_full and resource.abilities.is_complete
    complete = [*before.get("complete", ()), *([resource.name] if is_complete else ())]
    return {**before, "done": [*before.get("done", ()), resource.name], "complete": complete, "reading": None}
