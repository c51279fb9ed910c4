"""Tokens that go along with deliveries: what the worker asks of connections, which stand above (`gateway.oauth`).

A destination authenticates with its connection's token. A route may hand another connection's token over, to whoever
gets the event: that one is for calls of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, and the headers in which calls to its provider carry it."""

    token: str = field(repr=False)
    headers: Headers = field(repr=False)


class Grants(Protocol):
    """Gives the tokens of a tenant's connections, for requests to `url`. Safe from any thread."""

    def at_hand(self, tenant_id: str, connection_id: str, url: str) -> Grant | None:
        """A token that is good now, without waiting; None where somebody has to be asked."""
        ...

    def get(self, tenant_id: str, connection_id: str, url: str) -> Grant:
        """The same; blocks. Raises `GrantBroken`, and other `GatewayError`s that may pass."""
        ...

    def renewed(self, tenant_id: str, connection_id: str, url: str, refused: Grant) -> bool:
        """A receiver did not take `refused`: whether there is another token now. Blocks; raises as `get`."""
        ...


async def authenticated(
    grants: Grants,
    clock: Clock,
    target: Target,
    connection_id: str,
    send: Callable[[Target], Awaitable[AttemptResult]],
) -> AttemptResult | None:
    """What came of `send`, which is given `target` with the connection's token among its headers.

    A token that is refused (401) is renewed once, and sent once more. None while the connection is broken: the delivery
    waits and no attempt was made.
    """
    began_us = clock.now_us()
    try:
        grant = await _get(grants, target, connection_id)
        result = await send(_with(target, grant))
        asked = target.tenant_id, connection_id, target.url or ""
        if result.status == UNAUTHORIZED and await asyncio.to_thread(grants.renewed, *asked, grant):
            result = await send(_with(target, await asyncio.to_thread(grants.get, *asked)))
        return result
    except GrantBroken:
        await asyncio.sleep(BROKEN_PAUSE_SECONDS)
        return None
    except GatewayError as error:
        return AttemptResult(Outcome.CONNECTION_ERROR, began_us, 0, error=f"there is no token: {error}")


async def handed_over(grants: Grants, target: Target, connection_id: str) -> str | None:
    """The token that goes to whoever gets the event; None where there is none now, which holds up no event."""
    try:
        return (await _get(grants, target, connection_id)).token
    except GatewayError:
        return None


async def _get(grants: Grants, target: Target, connection_id: str) -> Grant:
    asked = target.tenant_id, connection_id, target.url or ""
    grant = grants.at_hand(*asked)
    return await asyncio.to_thread(grants.get, *asked) if grant is None else grant


def _with(target: Target, grant: Grant) -> Target:
    return replace(target, headers=(*target.headers, *grant.headers))
