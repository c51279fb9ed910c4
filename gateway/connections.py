"""Connections: ready clients for the accounts that an application's customers connected. What an application imports.

    from gateway.connections import client

    client("conn_…").json("GET", "/user")

Tokens are fresh, renewed once for all threads and processes, and never handed out. Settings are those of the gateway,
from the environment.
"""

from __future__ import annotations

import threading
from typing import Final

from gateway.config import load_settings
from gateway.installation import Installation
from gateway.oauth.calling.client import ConnectedClient, client_of
from gateway.oauth.calling.connected import Connected, connected
from gateway.tenants.directory import find_tenant
from gateway.tenants.models import DEFAULT_TENANT

__all__ = ["ConnectedClient", "Connections", "client", "close"]

_KEPT_CLIENTS: Final = 1_000


class Connections:
    """The clients of one installation. Safe from any thread; ask `client` of this module for those of the process."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._tenants: dict[str, str] = {}
        self._clients: dict[str, tuple[Connected, ConnectedClient]] = {}

    def client(self, connection_id: str, *, tenant: str = DEFAULT_TENANT) -> ConnectedClient:
        """The client of a connection of the tenant with this slug; the same one until the connection is another.

        Raises `NotFound`, `ConnectionRevoked`, `InvalidInput` where nothing is known of where the API is,
        `StorageUnavailable`.
        """
        found = connected(self._installation, self._tenant_id(tenant), connection_id)
        known = self._clients.get(connection_id)
        if known is not None and known[0] is found:
            return known[1]
        with self._lock:
            known = self._clients.pop(connection_id, None)
            if known is None or known[0] is not found:
                known = found, client_of(self._installation, found)
            self._clients[connection_id] = known
            while len(self._clients) > _KEPT_CLIENTS:
                self._clients.pop(next(iter(self._clients)))
            return known[1]

    def close(self) -> None:
        """Let go of the connections to providers. Idempotent."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for _, one in clients.values():
            one.close()

    def _tenant_id(self, slug: str) -> str:
        if slug not in self._tenants:
            with self._installation.database.system_session() as session:
                self._tenants[slug] = find_tenant(session, slug).id
        return self._tenants[slug]


_lock = threading.Lock()
_installation: Installation | None = None


def client(connection_id: str, *, tenant: str = DEFAULT_TENANT) -> ConnectedClient:
    """A client for the API of a connection: `client("conn_…").json("GET", "/user")`. Cached; safe from any thread.

    `tenant` is the slug of whose connection it is, in a handler `event.tenant`. Raises as `Connections.client`, and
    `ConfigurationError` for settings that cannot be used.
    """
    global _installation
    if _installation is None:
        with _lock:
            _installation = _installation or Installation(load_settings())
    return _installation.part(Connections).client(connection_id, tenant=tenant)


def close() -> None:
    """Let go of database and connections; the next call makes them anew."""
    global _installation
    with _lock:
        found, _installation = _installation, None
    if found is not None:
        found.close()
