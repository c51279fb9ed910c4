"""Large bodies: loaded when their turn comes, under a budget of bytes, so that memory stays flat.

Small ones come along with the claim.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from gateway.db.database import Database
from gateway.delivery.queue.claimed import Claimed

BUDGET_BYTES = 64 * 1024 * 1024

_PAYLOAD = text("SELECT payload FROM deliveries WHERE id = :id")
_BODY = text("SELECT body FROM events WHERE id = :id")


class ByteBudget:
    """So many bytes may be held at once; whoever wants more waits for its turn. For one event loop."""

    def __init__(self, total_bytes: int = BUDGET_BYTES) -> None:
        self._total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def held(self, number_of_bytes: int) -> AsyncIterator[None]:
        """Hold the bytes inside the block; what is larger than the whole budget takes all of it."""
        wanted = min(number_of_bytes, self._total_bytes)
        if self._waiting or wanted > self._free_bytes:
            await self._turn(wanted)
        else:
            self._free_bytes -= wanted
        try:
            yield
        finally:
            self._free_bytes += wanted
            self._grant()

    async def _turn(self, wanted: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Granted in the same moment: what was set aside goes back.
                self._free_bytes += wanted
            self._grant()
            raise

    def _grant(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if turn.cancelled():
                self._waiting.popleft()
            elif wanted <= self._free_bytes:
                self._waiting.popleft()
                self._free_bytes -= wanted
                turn.set_result(None)
            else:
                return


def load_body(database: Database, claimed: Claimed) -> bytes | None:
    """What `claimed` sends, from the database; None when it is gone. Raises `StorageUnavailable`."""
    is_reshaped = claimed.payload_bytes is not None
    with database.read() as connection:
        if is_reshaped:
            found = connection.execute(_PAYLOAD, {"id": claimed.id}).scalar()
        else:
            found = connection.execute(_BODY, {"id": claimed.event_id}).scalar()
    return None if found is None else bytes(found)
