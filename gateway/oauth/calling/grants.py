"""Tokens for deliveries: what the worker's `Grants` are, of connections.

The worker's loop asks `at_hand` for each attempt: a grant is kept for as long as a revocation may take to be seen.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from gateway.clients.errors import AuthenticationFailed
from gateway.clients.values import Call
from gateway.deferred import deferred
from gateway.delivery.sending.grants import Grant, GrantBroken
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.refreshing.errors import ConnectionUnusable

# What makes calls is loaded with the first delivery that needs it.
_connected = deferred("gateway.oauth.calling.connected")

MOST: Final = 10_000
KEPT_SECONDS: Final = 5.0
"""As long as it may take until a change that another process made is seen (`calling.connected`)."""


class _Key(NamedTuple):
    tenant_id: str
    connection_id: str
    # Some credentials are signatures over it.
    url: str


class ConnectionGrants:
    """`gateway.delivery.sending.grants.Grants` of an installation's connections."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._kept: dict[_Key, tuple[Grant, float]] = {}

    def at_hand(self, tenant_id: str, connection_id: str, url: str) -> Grant | None:
        """As `Grants`."""
        kept = self._kept.get(_Key(tenant_id, connection_id, url))
        return kept[0] if kept is not None and self._steady() < kept[1] else None

    def get(self, tenant_id: str, connection_id: str, url: str) -> Grant:
        """As `Grants`."""
        key = _Key(tenant_id, connection_id, url)
        try:
            auth = _connected.connected(self._installation, tenant_id, connection_id).opened.plan.auth
            call = auth.apply(Call("POST", url, ""))
        except (AuthenticationFailed, ConnectionUnusable, InvalidInput) as error:
            self._forget(key)
            raise GrantBroken(str(error)) from error
        if call.query:
            raise GrantBroken("its credentials stand in the query of a URL, which no delivery carries")
        shown_to_nobody = auth.secrets(call)
        grant = Grant(shown_to_nobody[0] if shown_to_nobody else "", call.headers)
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = grant, self._steady() + KEPT_SECONDS
        return grant

    def renewed(self, tenant_id: str, connection_id: str, url: str, refused: Grant) -> bool:
        """As `Grants`."""
        self._forget(_Key(tenant_id, connection_id, url))
        try:
            auth = _connected.connected(self._installation, tenant_id, connection_id).opened.plan.auth
        except (ConnectionUnusable, InvalidInput) as error:
            raise GrantBroken(str(error)) from error
        is_renewed: bool = auth.refused(Call("POST", url, "").with_headers(*refused.headers))
        return is_renewed

    def _forget(self, key: _Key) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def _steady(self) -> float:
        return self._installation.clock.monotonic()
