"""What the connections of one process share: the application, their bounds, the date, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from logging import Logger
from typing import Any, Protocol

from gateway.server.host.answer import today
from gateway.server.host.budget import Budget
from gateway.server.host.clients import ClientCounts
from gateway.server.host.framing import Limits

Application = Callable[[Any, Any, Any], Awaitable[None]]

# Refused connections are told of so often, together; so are refused requests, after the first few.
TELL_SECONDS = 60.0
TOLD_REQUESTS = 10
# Why somebody is refused, for whom counts it.
CLIENT_FULL = "client_full"
FULL = "full"
DISPLACED = "displaced"
BUDGET_SPENT = "budget_spent"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process gives to those who connect.

    `requests_bytes`: what all requests may hold before they are answered. `connections` in all, and of each client;
    None where clients are not told apart.
    """

    head: Limits
    requests_bytes: int
    connections: int
    connections_per_client: int | None
    keepalive_seconds: float


class Member(Protocol):
    """A connection, as the service uses it."""

    @property
    def peer(self) -> str | None:
        """The address of who connected; None where there is none."""

    @property
    def is_coming(self) -> bool:
        """Whether a request has begun there that is not whole yet."""

    def give_up(self, now: float) -> None:
        """Give up the client if it was waited for long enough; `now` in the loop's seconds."""

    def end(self) -> None:
        """Close the connection unless a request is under way."""

    def abort(self) -> None:
        """Close the connection, whatever is under way."""


class Service:
    """`changed` is called with the number of connections."""

    def __init__(
        self,
        application: Application,
        *,
        loop: asyncio.AbstractEventLoop,
        log: Logger,
        bounds: Bounds,
        changed: Callable[[int], None] = lambda _number: None,
    ) -> None:
        self.application = application
        self.loop = loop
        self.log = log
        self.bounds = bounds
        self.budget = Budget(bounds.requests_bytes)
        self.connections: set[Member] = set()
        self.changed = changed
        # From the application's lifespan; each request has a copy. An application that counts refusals leaves there
        # what is told of each, with its reason.
        self.state: dict[str, Any] = {}
        self.date = today()
        self.is_ending = False
        self.answered = 0
        self._clients = ClientCounts(bounds.connections_per_client)
        # Those of which no request is under way, first who has been waited for the longest; and the others, first whose
        # request began the longest ago.
        self._waiting: dict[Member, None] = {}
        self._asking: dict[Member, None] = {}
        self._refused = 0
        self._refused_requests = 0
        self._tell_at = 0.0
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def sweep(self) -> None:
        """Give up clients that were waited for long enough. Once a second, instead of an alarm for each request."""
        self.date = today()
        now = self.loop.time()
        for connection in tuple(self.connections):
            connection.give_up(now)
        if now >= self._tell_at and (self._refused or self._refused_requests):
            self._tell()
            self._tell_at = now + TELL_SECONDS

    def refuse_request(self, peer: str | None, reason: str) -> None:
        """What a client sent is no request. Told of by a line each, unless somebody sends many."""
        self._refused_requests += 1
        if self._refused_requests <= TOLD_REQUESTS:
            self.log.warning("Invalid request from ip=%s: %s", peer or "", reason)

    def _tell(self) -> None:
        if self._refused:
            self.log.warning("%d connections were refused: there are enough, in all or of their client", self._refused)
        if self._refused_requests > TOLD_REQUESTS:
            self.log.warning("%d more requests were refused as invalid", self._refused_requests - TOLD_REQUESTS)
        self._refused = self._refused_requests = 0

    def admit(self, connection: Member) -> bool:
        """Take one more, unless its client has enough. Where there are enough in all, the one makes room that has been
        waited for the longest: who asks now and then, or sends a body bit by bit, would else keep all others out from
        a few addresses.
        """
        if not self._clients.enter(connection.peer):
            self._refuse(CLIENT_FULL)
            return False
        if len(self.connections) >= self.bounds.connections:
            eldest = next(iter(self._waiting), None) or next((one for one in self._asking if one.is_coming), None)
            if eldest is None:
                self._clients.leave(connection.peer)
                self._refuse(FULL)
                return False
            self._refuse(DISPLACED)
            self.closed(eldest)
            eldest.abort()
        self.connections.add(connection)
        self._waiting[connection] = None
        self._is_empty.clear()
        self.changed(len(self.connections))
        return True

    def budget_spent(self) -> None:
        """Requests were given up for want of memory."""
        self._count(BUDGET_SPENT)

    def _refuse(self, reason: str) -> None:
        self._refused += 1
        self._count(reason)

    def _count(self, reason: str) -> None:
        counted = self.state.get("refused")
        if counted is not None:
            counted(reason)

    def asked(self, connection: Member) -> None:
        """A request is under way there."""
        self._waiting.pop(connection, None)
        if connection in self.connections:
            self._asking[connection] = None

    def answered_all(self, connection: Member) -> None:
        """No request is under way there any more."""
        self._asking.pop(connection, None)
        if connection in self.connections:
            self._waiting[connection] = None

    def closed(self, connection: Member) -> None:
        """One less. Idempotent."""
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        self._waiting.pop(connection, None)
        self._asking.pop(connection, None)
        self._clients.leave(connection.peer)
        if not self.connections:
            self._is_empty.set()
        self.changed(len(self.connections))

    async def end(self) -> None:
        """Close connections that wait for a request, at once, the others with their answer; wait for those."""
        self.is_ending = True
        for connection in tuple(self.connections):
            connection.end()
        await self._is_empty.wait()

    def abort(self) -> None:
        """Close all connections, whatever is under way."""
        self.is_ending = True
        for connection in tuple(self.connections):
            connection.abort()
