"""Fetching just the records that a webhook or a stream named as changed: once each, however often they were named."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.entities.external import ExternalResource
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.loading import loaded
from gateway.entities.pulling.page import set_aside, sort_out, take_in
from gateway.entities.pulling.pull import pull_resource
from gateway.entities.pulling.reading import asked
from gateway.entities.quarantine.store import open_keys
from gateway.entities.runs.course import Course
from gateway.entities.store.cursors import Named, forget_named, named_after
from gateway.tenants.acting import Acting

AT_ONCE = 100


def fetch_named(pulling: Pulling, resource: ExternalResource) -> None:
    """Fetch what was named of a resource; one that cannot look up is read since its cursor.

    Raises `PullFailed`, `IntegrationError`, `JobInterrupted`.
    """
    after = ""
    while named := _next(pulling, resource, after):
        if not resource.abilities.looks_up:
            pull_resource(pulling, resource)
            _forget_all(pulling, resource)
            return
        _fetch(pulling, resource, named)
        after = named[-1].integration_id


def _next(pulling: Pulling, resource: ExternalResource, after: str) -> Sequence[Named]:
    with pulling.reading() as acting:
        connection = acting.session.connection()
        return named_after(connection, pulling.external.instance_id, resource.name, after, AT_ONCE)


def _fetch(pulling: Pulling, resource: ExternalResource, named: Sequence[Named]) -> None:
    """One look-up, and what comes of it in one transaction. What the system could not be asked waits on."""
    answers = asked(pulling, partial(resource.look_up, [one.integration_id for one in named]))
    there = [raw for raw in answers.values() if raw is not None]
    gone = [one for one, raw in answers.items() if raw is None]
    found = loaded(pulling, resource, sort_out(resource, there, gone))
    fetched = [one for one in named if one.integration_id in answers]
    scope = pulling.scope(resource)

    def work(acting: Acting, course: Course) -> None:
        connection, instance_id = acting.session.connection(), pulling.external.instance_id
        course.tally.add("requests")
        take_in(pulling, acting, course, scope, found, open_keys(connection, instance_id, resource.name))
        set_aside(pulling, acting, course, scope, found)
        if pulling.overlay is None:
            forget_named(connection, instance_id, resource.name, fetched)

    pulling.commit(work, position=pulling.course.position, line=f"{resource.name}: {len(fetched)} were named")


def _forget_all(pulling: Pulling, resource: ExternalResource) -> None:
    """Everything that changed was read: also what was named before that began."""
    after = ""
    while named := _next(pulling, resource, after):
        read = [one for one in named if one.named_at <= pulling.course.started_at]

        def work(acting: Acting, _course: Course, read: Sequence[Named] = read) -> None:
            if pulling.overlay is None:
                connection = acting.session.connection()
                forget_named(connection, pulling.external.instance_id, resource.name, read)

        pulling.commit(work, position=pulling.course.position, line=f"{resource.name}: read")
        after = named[-1].integration_id
