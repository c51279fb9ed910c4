"""An integration as its type is given it: configuration, secrets, its connection, and clients that are well-behaved.

Opening one (rows, vault, connection) is `opening`'s matter. No type reads a row, an environment or a clock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from gateway.clients.auth.base import Auth
from gateway.clients.breaker import Breaker
from gateway.clients.client import ApiClient
from gateway.clients.limits import RateLimit
from gateway.clients.transport import Timeout
from gateway.clock import Clock
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.calling.client import ConnectedClient, client_of
from gateway.oauth.calling.connected import Connected
from gateway.oauth.calling.observing import observers_of


class _HasClose(Protocol):
    def close(self) -> object: ...


_Closable = TypeVar("_Closable", bound=_HasClose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One integration, for one piece of work in one thread. A context: leaving it closes the clients it gave.

    `configuration` is complete, with the defaults of what was not set; `secrets` are its own, by key. `prepared` is
    what activation kept. `connection` is the granted account that it uses, None where it has secrets of its own.
    `breaker` and `limit` are shared by all clients of the integration in this process. `timeout` bounds each call.
    """

    id: str
    tenant_id: str
    name: str
    integration_name: str
    configuration: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    prepared: Mapping[str, Any]
    connection: Connected | None = field(repr=False)
    installation: Installation = field(repr=False)
    breaker: Breaker = field(repr=False)
    limit: RateLimit = field(repr=False)
    timeout: Timeout = field(default_factory=Timeout)
    _closing: ExitStack = field(default_factory=ExitStack, repr=False)

    def __enter__(self) -> Instance:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.close()

    @property
    def clock(self) -> Clock:
        """By which everything here goes."""
        return self.installation.clock

    def secret(self, key: str) -> str:
        """One of its secrets. Raises `InvalidInput` where it is not there."""
        if key not in self.secrets:
            raise InvalidInput.at(f"secrets.{key}", "missing", f"the secret {key} is missing")
        return self.secrets[key]

    def client(self, base_url: str, *, auth: Auth | None = None, **options: Any) -> ApiClient:
        """A client for a system at `base_url`: guarded, bounded, with the integration's breaker and limits. `options`
        are those of `ApiClient`.
        """
        return self.closing(ApiClient(base_url, auth=auth, **self.client_options() | options))

    def connected(self, **options: Any) -> ConnectedClient:
        """A client for the API of its connection. Raises `InvalidInput` where it has none."""
        if self.connection is None:
            raise InvalidInput.at("connection", "missing", f"the integration {self.name!r} has no connection")
        return self.closing(client_of(self.installation, self.connection, timeout=self.timeout, **options))

    def client_options(self) -> dict[str, Any]:
        """What clients that a type makes by itself (`clients.systems`) are to be given as `ApiClient` options."""
        return {
            "rate_limit": self.limit,
            "breaker": self.breaker,
            "timeout": self.timeout,
            "system": self.integration_name,
            "allow_http": self.installation.policy.allow_private,
            "policy": self.installation.policy,
            "resolver": self.installation.resolver,
            "clock": self.clock,
            "observers": observers_of(self.installation),
        }

    def closing(self, one: _Closable) -> _Closable:
        """`one`, which is closed with the instance."""
        self._closing.callback(one.close)
        return one
