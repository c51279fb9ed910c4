"""The worker's small parts: slots, the byte budget, and text fit for a database."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import FakeClock
from gateway.delivery.models import DestinationKind
from gateway.delivery.sending.bodies import ByteBudget
from gateway.delivery.sending.excerpts import EXCERPT_CHARACTERS, excerpt_of, storable
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.worker.slots import FEW, Slots

from .test_outgoing import target


def places(limit: int, processes: int = 4) -> Slots:
    return Slots(limit, HandlerPool([], clock=FakeClock(), processes=processes))


def test_a_destination_has_its_own_places() -> None:
    held, crm, erp = places(2000), target(id="crm", concurrency=2), target(id="erp", concurrency=2)
    held.take(crm)
    held.take(crm)
    assert (held.free(crm), held.free(erp), held.taken) == (0, 2, 2)
    held.give_back(crm)
    assert (held.free(crm), held.taken) == (1, 1)


def test_many_slow_destinations_together_leave_places_for_others() -> None:
    held = places(2000)
    for number in range(60):
        slow = target(id=f"slow{number}", concurrency=100)
        while held.free(slow) > 0:
            held.take(slow)
    assert held.free_slots().limit > 0
    assert held.free(target(id="fresh")) >= FEW


def test_places_of_handlers_are_those_of_the_pool() -> None:
    held = places(2000)
    handler = target(kind=DestinationKind.HANDLER, handler="shop:on_push")
    for _ in range(3):
        held.take(handler)
    assert held.free(handler) == 0
    held.give_back(handler)
    assert held.free(handler) == 1


def test_a_budget_of_bytes_is_kept_in_order() -> None:
    async def go() -> list[str]:
        budget, order = ByteBudget(10), []

        async def hold(name: str, size: int) -> None:
            async with budget.held(size):
                order.append(name)
                await asyncio.sleep(0)

        async with asyncio.timeout(5):
            async with budget.held(6):
                tasks = [asyncio.create_task(hold(name, size)) for name, size in [("large", 99), ("small", 1)]]
                await asyncio.sleep(0)
                assert order == []
            await asyncio.gather(*tasks)
        return order

    assert asyncio.run(go()) == ["large", "small"]


def test_who_stops_waiting_for_bytes_takes_none() -> None:
    async def go() -> None:
        budget = ByteBudget(10)
        async with budget.held(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), budget.held(5):
                    raise AssertionError
        async with asyncio.timeout(5), budget.held(10):
            pass

    asyncio.run(go())


@given(st.text(alphabet=st.characters(), max_size=50) | st.just("\ud800\x00" * 2000))
def test_any_text_can_be_stored(words: str) -> None:
    kept = storable(words)
    assert len(kept) <= EXCERPT_CHARACTERS
    assert "\x00" not in kept
    kept.encode("utf-8")


@given(st.binary(max_size=3000))
def test_any_answer_has_an_excerpt(body: bytes) -> None:
    kept = excerpt_of(body)
    assert (kept is None) == (body == b"")
    assert len(kept or "") <= EXCERPT_CHARACTERS
