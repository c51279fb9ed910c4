"""Every destination from the database: those that can be delivered to, and those that are out of order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.target import Target
from gateway.delivery.destinations.grants import broken_grants
from gateway.delivery.destinations.handlers import NOTHING_KNOWN, Knowledge, known_handlers
from gateway.delivery.destinations.rows import DestinationDefaults, handler_out_of_order, judge_destination
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret
from gateway.out_of_order import OutOfOrder
from gateway.security.sealing import Keyring


class HandlerDestination(NamedTuple):
    """A destination that is a handler, in order or not."""

    id: str
    tenant_id: str
    handler: str | None


@dataclass(frozen=True)
class LoadedDestinations:
    """Targets and those out of order by id; and of all of them what routes must know: ordering keys, and handlers with
    what is known of them.
    """

    targets: Mapping[str, Target] = field(default_factory=dict)
    out_of_order: Mapping[str, OutOfOrder] = field(default_factory=dict)
    ordering_keys: Mapping[str, str | None] = field(default_factory=dict)
    handlers: Sequence[HandlerDestination] = ()
    known: Mapping[str, Knowledge] = field(default_factory=dict)


def load_destinations(
    session: SystemSession,
    keyring: Keyring | None,
    defaults: DestinationDefaults,
    *,
    now_us: int,
    loaded: Collection[str] | None = None,
    tenant_id: str | None = None,
) -> LoadedDestinations:
    """Every tenant's destinations, or those of one. What cannot be loaded is out of order alone.

    `loaded` are the handlers that this process has, where it delivers to them; else what the last worker said counts.
    """
    secrets: dict[str, list[DestinationSecret]] = defaultdict(list)
    for secret in every_row(session, DestinationSecret, tenant_id=tenant_id):
        secrets[secret.destination_id].append(secret)
    rows = every_row(session, Destination, tenant_id=tenant_id)
    known = known_handlers(session)
    if loaded is not None:
        names = known.keys() | {row.handler for row in rows if row.handler}
        known = {name: known.get(name, NOTHING_KNOWN)._replace(is_missing=name not in loaded) for name in names}
    targets: dict[str, Target] = {}
    broken: dict[str, OutOfOrder] = {}
    grants = broken_grants(session.connection(), tenant_id=tenant_id)
    for row in rows:
        judged = (
            handler_out_of_order(row, known)
            or grants.get(row.id)
            or judge_destination(row, secrets[row.id], keyring, now_us=now_us, defaults=defaults)
        )
        if isinstance(judged, Target):
            targets[row.id] = judged
        else:
            broken[row.id] = judged
    handlers = [
        HandlerDestination(row.id, row.tenant_id, row.handler) for row in rows if row.kind == DestinationKind.HANDLER
    ]
    return LoadedDestinations(targets, broken, {row.id: row.ordering_key for row in rows}, handlers, known)
