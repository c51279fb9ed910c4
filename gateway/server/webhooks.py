"""Webhooks on an event loop: a request becomes an `Arrival`, the use case judges it, and its answer is awaited.

Nothing here blocks. What must (a snapshot that is not loaded yet, a certificate to fetch) goes to a thread, and so do
large bodies, which take long to judge, to threads of their own. The same on a WSGI host is `webhooks.receive.views`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from gateway.installation import Installation
from gateway.server.bridge import LoopBridge
from gateway.server.large_bodies import LargeBodies
from gateway.server.messages import Scope
from gateway.server.scope_reader import ScopeReader
from gateway.webhooks.arrival import Answer, Arrival, Body
from gateway.webhooks.receive.addressing import Address, refuse_address
from gateway.webhooks.receive.answers import failed
from gateway.webhooks.receive.ingest import Ingest
from gateway.webhooks.receive.progress import BlockingStep, Submitted
from gateway.webhooks.receive.request_lines import RequestLines

Result = TypeVar("Result")


class RunBlocking(Protocol):
    """Calls a function that blocks, in a thread, and awaits what it returns or raises."""

    def __call__(self, function: Callable[[], Result], /) -> Awaitable[Result]: ...


class Webhooks:
    """Answers the webhooks of one loop, whose `bridge` tells what the commit writer settled."""

    def __init__(
        self,
        installation: Installation,
        ingest: Ingest,
        bridge: LoopBridge,
        run_blocking: RunBlocking,
        large_bodies: LargeBodies,
        lines: RequestLines,
    ) -> None:
        settings = installation.settings
        self._ingest = ingest
        self._bridge = bridge
        self._run_blocking = run_blocking
        self._large_bodies = large_bodies
        self._lines = lines
        self._reader = ScopeReader(
            installation.clock, base_url=settings.base_url, trusted_proxies=settings.trusted_proxies
        )

    async def answer(self, scope: Scope, target: str, address: Address, body: Body, request_id: str) -> Answer:
        """The answer to the request of `scope`, which asks for `target`, and so for `address`."""
        refused = refuse_address(address, scope["method"])
        if refused is not None:
            return refused
        try:
            arrival = self._reader.arrival(scope, target, address, body, request_id)
            answer = await self._answer(arrival)
            self._lines.answered(arrival, answer)
            return answer
        except Exception:
            return failed(request_id)

    async def _answer(self, arrival: Arrival) -> Answer:
        ingest = self._ingest
        if ingest.is_ready:
            progress = ingest.begin(arrival)
        else:
            progress = await self._run_blocking(lambda: ingest.begin(arrival))
        while isinstance(progress, BlockingStep):
            if progress.is_large:
                progress = await self._large_bodies.run(progress.run)
            else:
                progress = await self._run_blocking(progress.run)
        if isinstance(progress, Submitted):
            await self._bridge.wait(progress.receipt)
            progress = progress.finish(0)
        return progress
