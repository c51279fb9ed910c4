"""Carrying out one attempt: load what is large, send it or call the handler, and bring back a result.

Which deliveries are attempted and when is `worker`'s part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.decisions.target import Target
from gateway.delivery.models import DestinationKind
from gateway.delivery.queue.claim import LEASE_MARGIN_SECONDS
from gateway.delivery.queue.claimed import Claimed, ClaimedEvent
from gateway.delivery.sending.bodies import ByteBudget, load_body
from gateway.delivery.sending.excerpts import without_told
from gateway.delivery.sending.grants import Grants, authenticated, handed_over
from gateway.delivery.sending.handler_child import HandlerCall
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.sending.request import compose
from gateway.delivery.sending.sender import Sender
from gateway.errors import DecryptionFailed, StorageUnavailable
from gateway.events.at_rest import request_context
from gateway.security.sealed_text import holds_sealed, open_sealed, opened_values
from gateway.security.sealing import Keyring

# Waiting longer for a large body would use up the lease.
BODY_WAIT_SECONDS = LEASE_MARGIN_SECONDS / 2
# Signing reads every byte: a large body is signed in a thread, which does not hold up the loop.
SIGNED_IN_PLACE_BYTES = 256 * 1024


class AttemptRunner:
    """Attempts deliveries for one worker. `readers` are threads that large bodies are loaded in,
    `secret_headers` the names under which providers send shared secrets, `keyring` what opens a body that is kept
    with its secret sealed: it goes out as it came. `grants` has the tokens of connections, and `connections` tells of
    which of them routes, by their ids, hand a token over.
    """

    def __init__(
        self,
        *,
        database: Database,
        sender: Sender,
        handlers: HandlerPool,
        tenants: Callable[[], Mapping[str, str]],
        clock: Clock,
        readers: Executor,
        secret_headers: frozenset[str],
        keyring: Keyring,
        grants: Grants,
        connections: Callable[[], Mapping[str, str]],
    ) -> None:
        self._database = database
        self._sender = sender
        self._handlers = handlers
        self._tenants = tenants
        self._clock = clock
        self._readers = readers
        self._secret_headers = secret_headers
        self._keyring = keyring
        self._grants = grants
        self._connections = connections
        self._budget = ByteBudget()

    async def run(self, claimed: Claimed, target: Target) -> AttemptResult | None:
        """Attempt `claimed` once; None when it could not be begun, which is to be forgotten."""
        if claimed.event is None:
            return self._missing()
        body = claimed.body
        if body is not None:
            return await self._carry_out(claimed, claimed.event, target, body)
        try:
            async with asyncio.timeout(BODY_WAIT_SECONDS) as waiting, self._budget.held(claimed.body_bytes):
                loop = asyncio.get_running_loop()
                body = await loop.run_in_executor(self._readers, load_body, self._database, claimed)
                waiting.reschedule(None)
                return self._missing() if body is None else await self._carry_out(claimed, claimed.event, target, body)
        except (TimeoutError, StorageUnavailable):
            return None

    async def _carry_out(
        self, claimed: Claimed, event: ClaimedEvent, target: Target, body: bytes
    ) -> AttemptResult | None:
        if self._clock.now_us() >= claimed.lease_expires_at_us:
            # This process stood still; others have the delivery, and the next of its key may have gone out.
            return None
        told: Sequence[str] = ()
        if claimed.payload_bytes is None and holds_sealed(body):
            try:
                body, told = self._opened(claimed, event, body)
            except DecryptionFailed as error:
                return AttemptResult(Outcome.MISCONFIGURED, self._clock.now_us(), 0, error=str(error))
        carried = self._connections().get(claimed.route_id) if claimed.route_id is not None else None
        token = await handed_over(self._grants, target, carried) if carried is not None else None
        if target.kind is DestinationKind.HANDLER:
            call = self._handler_call(claimed, event, target, body, token)
            return await self._handlers.run(call, timeout_seconds=target.timeout_seconds)
        if token is not None:
            told = (*told, token)
            target = replace(target, handed_over=token)
        if target.connection_id is None:
            return await self._send(claimed, event, target, body, told)
        send = partial(self._send, claimed, event, body=body, told=told)
        return await authenticated(self._grants, self._clock, target, target.connection_id, send)

    async def _send(
        self, claimed: Claimed, event: ClaimedEvent, target: Target, body: bytes, told: Sequence[str]
    ) -> AttemptResult:
        now_us = self._clock.now_us()
        try:
            if len(body) <= SIGNED_IN_PLACE_BYTES:
                request = compose(target, claimed, event, body, now_us=now_us, secret_headers=self._secret_headers)
            else:
                request = await asyncio.get_running_loop().run_in_executor(
                    self._readers,
                    lambda: compose(target, claimed, event, body, now_us=now_us, secret_headers=self._secret_headers),
                )
        except ValueError as error:
            return AttemptResult(Outcome.MISCONFIGURED, now_us, 0, error=str(error))
        result = await self._sender.send(request, timeout_seconds=target.timeout_seconds)
        return without_told(result, target, told)

    def _opened(self, claimed: Claimed, event: ClaimedEvent, kept: bytes) -> tuple[bytes, Sequence[str]]:
        """The body as it came, and the secrets in it. Raises `DecryptionFailed`."""
        context = request_context(claimed.tenant_id, event.source)
        secrets = opened_values(self._keyring, kept, context=context)
        body = open_sealed(self._keyring, kept, context=context)
        return body, [secret.decode("utf-8", "replace") for secret in secrets]

    def _handler_call(
        self, claimed: Claimed, event: ClaimedEvent, target: Target, body: bytes, token: str | None
    ) -> HandlerCall:
        return HandlerCall(
            handler=target.handler or "",
            event_id=event.id,
            event_type=event.type,
            source=event.source,
            provider=event.provider,
            tenant=self._tenants().get(claimed.tenant_id, claimed.tenant_id),
            received_at_us=event.received_at_us,
            attempt=claimed.attempt,
            headers=event.headers,
            body=body,
            access_token=token,
        )

    def _missing(self) -> AttemptResult:
        return AttemptResult(
            Outcome.EVENT_MISSING, self._clock.now_us(), 0, error="the event is no longer in the journal"
        )
