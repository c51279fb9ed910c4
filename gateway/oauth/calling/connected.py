"""The connections that a process calls: opened once, looked at again every few seconds, each with its own limits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from gateway.clients.breaker import Breaker
from gateway.clients.described.judging import judge_of
from gateway.clients.judging import Judge, by_status
from gateway.clients.limits import Rate, RateLimit
from gateway.db.scope import TenantSession
from gateway.installation import Installation
from gateway.oauth.calling.opened import Opened, open_connection, seen_of
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.refreshing.errors import ConnectionRevoked
from gateway.oauth.refreshing.token_source import ConnectionTokens
from gateway.oauth.states import ConnectionState

LOOKED_AT_EVERY_SECONDS: Final = 5.0
"""So much later a change that another process made is seen at the latest: a revocation, another key."""
KEPT_CONNECTIONS: Final = 10_000


@dataclass(slots=True)
class Connected:
    """What all calls of one connection share in this process: its plan, its limits, its breaker, how its answers are
    judged. Safe from any thread.
    """

    opened: Opened
    limit: RateLimit
    breaker: Breaker
    judge: Judge
    looked_at: float = field(repr=False)


class ConnectedApis:
    """The connections of one process; ask `connected`. Safe from any thread."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], Connected] = OrderedDict()

    def get(self, tenant_id: str, connection_id: str) -> Connected:
        """The connection, as of a few seconds ago at most.

        Raises `NotFound`, `ConnectionRevoked`, `InvalidInput` as `open_connection`, `StorageUnavailable`.
        """
        key = tenant_id, connection_id
        now = self._installation.clock.monotonic()
        found = self._known.get(key)
        if found is not None and now - found.looked_at < LOOKED_AT_EVERY_SECONDS:
            return found
        with self._installation.database.tenant_session(tenant_id) as session:
            made = self._looked_at(session, connection_id, found, now)
        with self._lock:
            other = self._known.get(key)
            if other is not None and other is not found and other.opened.seen == made.opened.seen:
                # Another thread was as quick: all share what one of them made.
                return other
            self._known[key] = made
            self._known.move_to_end(key)
            if len(self._known) > KEPT_CONNECTIONS:
                self._known.popitem(last=False)
        return made

    def _looked_at(self, session: TenantSession, connection_id: str, found: Connected | None, now: float) -> Connected:
        installation = self._installation
        row = require_connection(session, connection_id)
        if row.state == ConnectionState.REVOKED:
            raise ConnectionRevoked(f"the connection {connection_id!r} was revoked", reason=row.reason)
        if found is not None and found.opened.seen == seen_of(session, row):
            found.looked_at = now
            return found
        opened = open_connection(session, installation, row, ConnectionTokens(installation, connection_id))
        if found is not None:
            return Connected(opened, found.limit, found.breaker, found.judge, now)
        api, clock = opened.provider.api, installation.clock
        rates = [] if api is None else [Rate(rate.calls, rate.seconds) for rate in api.rates]
        return Connected(
            opened,
            RateLimit(connection_id, rates, clock=clock),
            Breaker(connection_id, clock=clock),
            by_status if api is None else judge_of(api),
            now,
        )


def connected(installation: Installation, tenant_id: str, connection_id: str) -> Connected:
    """As `ConnectedApis.get`, of this process."""
    return installation.part(ConnectedApis).get(tenant_id, connection_id)
