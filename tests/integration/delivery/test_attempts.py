"""One attempt, from what was claimed: what is begun, and what is left to others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.clock import FakeClock
from gateway.delivery.decisions.policy import AttemptResult
from gateway.delivery.queue.claim import LEASE_MARGIN_SECONDS
from gateway.delivery.sending.attempts import AttemptRunner
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.sending.sender import Sender
from gateway.outgoing.resolver import StaticResolver
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from tests.services.no_grants import NoGrants

from .conftest import Queue
from .sinks import Sink


@pytest.mark.parametrize(("late_seconds", "sends"), [(-1.0, 1), (0.0, 0), (600.0, 0)])
def test_nothing_is_begun_whose_lease_has_ended(
    queue: Queue, fake_clock: FakeClock, late_seconds: float, sends: int
) -> None:
    sink = Sink()

    async def go() -> AttemptResult | None:
        async with sink.running():
            target = queue.destination(url=sink.url)
            queue.add(target)
            (claimed,) = queue.claim()
            fake_clock.advance(target.timeout_seconds + LEASE_MARGIN_SECONDS + late_seconds)
            sender = Sender(clock=fake_clock, resolver=StaticResolver({}), policy=AddressPolicy(allow_private=True))
            with ThreadPoolExecutor(1) as readers:
                runner = AttemptRunner(
                    database=queue.database,
                    sender=sender,
                    handlers=HandlerPool((), clock=fake_clock),
                    tenants=dict,
                    clock=fake_clock,
                    readers=readers,
                    secret_headers=frozenset(),
                    keyring=Keyring([bytes(32)]),
                    grants=NoGrants(),
                    connections=dict,
                )
                result = await runner.run(claimed, target)
            await sender.close()
            return result

    assert (asyncio.run(go()) is not None) == bool(sends)
    assert len(sink.received) == sends
