"""Tokens that go along with deliveries: what the worker asks of connections, which stand above (`gateway.oauth`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from gateway.clock import Clock
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.decisions.target import Target
from gateway.errors import GatewayError

Headers: TypeAlias = Sequence[tuple[str, str]]

UNAUTHORIZED = 401
# As long as it may take until the workers have seen that a connection is broken: nothing is tried meanwhile.
BROKEN_PAUSE_SECONDS = 1.0


class GrantBroken(GatewayError):
    """The connection gives no token until the customer connects again."""

    code = "connection_broken"
    http_status = 409


class Grants(Protocol):
    """Gives headers with a connection's token. Safe from any thread."""

    def at_hand(self, connection_id: str) -> Headers | None:
        """Those of a token that is good now, without waiting; None where somebody has to be asked."""
        ...

    def headers(self, connection_id: str) -> Headers:
        """The same; blocks. Raises `GrantBroken`, and other `GatewayError`s that may pass."""
        ...

    def renewed(self, connection_id: str, refused: Headers) -> bool:
        """A receiver did not take `refused`: whether there is another token now. Blocks; as `headers`."""
        ...


async def granted(
    grants: Grants,
    clock: Clock,
    target: Target,
    connection_id: str,
    send: Callable[[Target], Awaitable[AttemptResult | None]],
) -> AttemptResult | None:
    """What came of `send`, which is given `target` with the connection's token among its headers.

    A token that is refused (401) is renewed once, and sent once more. None while the connection is broken: the delivery
    waits and no attempt was made.
    """
    began_us = clock.now_us()
    try:
        headers = grants.at_hand(connection_id)
        if headers is None:
            headers = await asyncio.to_thread(grants.headers, connection_id)
        result = await send(_with(target, headers))
        if result is None or result.status != UNAUTHORIZED:
            return result
        if await asyncio.to_thread(grants.renewed, connection_id, headers):
            return await send(_with(target, await asyncio.to_thread(grants.headers, connection_id)))
        return result
    except GrantBroken:
        await asyncio.sleep(BROKEN_PAUSE_SECONDS)
        return None
    except GatewayError as error:
        return AttemptResult(Outcome.CONNECTION_ERROR, began_us, 0, error=f"there is no token: {error}")


def _with(target: Target, headers: Headers) -> Target:
    return replace(target, headers=(*target.headers, *headers))
