"""What processes know of the application's handlers, kept for those that have not loaded their modules.

A process that has loaded a module says, when it starts, what its handlers listen to. A web process without the module
goes by that, so that their events still get deliveries, and a worker without it leaves these waiting. Workers also say
which handlers they do not have; one that has them says so again. Handlers are there for every tenant, their
destinations are a tenant's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.models import Destination, DestinationKind, KnownHandler
from gateway.handlers import HandlerRegistry
from gateway.security.identifiers import new_id
from gateway.tenants.models import Tenant

# Processes that start together say the same at once: whoever comes second looks again.
TRIES = 3


class Knowledge(NamedTuple):
    """What is known of a handler: patterns by source, and whether the worker that looked last did not have it."""

    subscriptions: Mapping[str, Sequence[str]]
    is_missing: bool


NOTHING_KNOWN = Knowledge({}, is_missing=False)

_Say = Callable[[Mapping[str, Knowledge], Collection[str]], Mapping[str, Knowledge]]
"""What is to be known, by what is and the names of the handlers that have a destination."""


def known_handlers(session: Session) -> dict[str, Knowledge]:
    """All that is known, by the handlers' names."""
    rows = session.scalars(select(KnownHandler))
    return {row.name: Knowledge(row.subscriptions, row.missing_since is not None) for row in rows}


def say_what_is_loaded(database: Database, registry: HandlerRegistry, clock: Clock, *, delivers: bool) -> None:
    """Keep what this process knows, which is about to start. `delivers`: it is a worker, and what it has not loaded
    waits. Writes only where something is new. Raises `StorageUnavailable`.
    """
    _keep(database, clock, lambda known, names: _said(registry, known, names, delivers=delivers))


def say_again_what_is_loaded(database: Database, registry: HandlerRegistry, clock: Clock) -> None:
    """A worker's answer to another one that has not loaded what it has. Raises `StorageUnavailable`."""
    loaded = registry.names()
    _keep(database, clock, lambda known, _names: {name: _found(one) for name, one in known.items() if name in loaded})


def ensure_handler_destinations(database: Database, names: Collection[str], clock: Clock) -> None:
    """Give every tenant a destination row for every handler, named after it. Idempotent, safe in several processes."""
    if not names:
        return
    with database.system_session() as session:
        missing = _without_destination(session, names)
    if not missing:
        return
    try:
        with database.system_session(write=True) as session:
            session.add_all(_destination(tenant_id, name, clock) for tenant_id, name in missing)
    except IntegrityError:
        # Another process was quicker; its change moved the revision, so this one loads again anyway.
        return


def _said(
    registry: HandlerRegistry, known: Mapping[str, Knowledge], names: Collection[str], *, delivers: bool
) -> dict[str, Knowledge]:
    """What is to be known after `registry` was loaded; `names` are the handlers that have a destination. Pure."""
    said = {}
    loaded = registry.subscriptions()
    for name, subscriptions in loaded.items():
        is_missing = name in known and known[name].is_missing and not delivers
        said[name] = Knowledge(subscriptions, is_missing)
    for name in (known.keys() | (set(names) if delivers else set())) - loaded.keys():
        before = known.get(name, NOTHING_KNOWN)
        # Its module is here and has it no more: that is the application's word, and not a module that was forgotten.
        kept = {} if registry.has_dropped(name) else before.subscriptions
        said[name] = Knowledge(kept, is_missing=delivers or before.is_missing)
    return said


def _found(known: Knowledge) -> Knowledge:
    return known._replace(is_missing=False)


def _keep(database: Database, clock: Clock, say: _Say) -> None:
    for attempt in range(TRIES):
        with database.system_session() as session:
            if not _news(session, say):
                return
        try:
            with database.system_session(write=True) as session:
                _write(session, _news(session, say), clock)
            return
        except IntegrityError:
            if attempt == TRIES - 1:
                raise


def _news(session: SystemSession, say: _Say) -> dict[str, Knowledge]:
    known = known_handlers(session)
    handlers = select(Destination.handler).where(Destination.kind == DestinationKind.HANDLER).distinct()
    said = say(known, [name for name in session.scalars(handlers) if name])
    return {name: one for name, one in said.items() if known.get(name) != one}


def _write(session: SystemSession, news: Mapping[str, Knowledge], clock: Clock) -> None:
    now = from_us(clock.now_us())
    for name, (subscriptions, is_missing) in sorted(news.items()):
        row = session.get(KnownHandler, name) or KnownHandler(name=name, missing_since=None)
        row.subscriptions = {source: list(patterns) for source, patterns in subscriptions.items()}
        row.missing_since = (row.missing_since or now) if is_missing else None
        row.updated_at = now
        session.add(row)


def _without_destination(session: SystemSession, names: Collection[str]) -> list[tuple[str, str]]:
    have = set(session.execute(select(Destination.tenant_id, Destination.name).where(Destination.name.in_(names))))
    # What is being erased must not come back.
    tenants = session.scalars(select(Tenant.id).where(Tenant.erasing_at.is_(None))).all()
    return [(tenant, name) for tenant in tenants for name in sorted(names) if (tenant, name) not in have]


def _destination(tenant_id: str, name: str, clock: Clock) -> Destination:
    now = from_us(clock.now_us())
    return Destination(
        id=new_id("dst"),
        tenant_id=tenant_id,
        name=name,
        kind=DestinationKind.HANDLER,
        handler=name,
        fatal_statuses=[],
        created_at=now,
        updated_at=now,
    )
