"""The worker at work, on both databases and against real servers: nothing lost, nobody delayed, an orderly end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import event, text
from standardwebhooks import Webhook

from gateway.announcing.announcements import Announcements
from gateway.announcing.pipe import Pipe
from gateway.clock import MICROSECONDS, Clock, SystemClock
from gateway.db.database import Database
from gateway.delivery.decisions.target import SigningSecret, Target
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.worker import summons
from gateway.delivery.worker.worker import Worker
from gateway.outgoing.resolver import StaticResolver
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.telemetry.metrics import Metrics
from tests.services.no_grants import NoGrants

from .conftest import Queue
from .sinks import Received, Sink, never, status

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def live(database: Database) -> Queue:
    """A queue that lives in the machine's time."""
    return Queue(database, SystemClock())


@dataclass
class ShiftedClock:
    """The machine's clock, whose wall time can be set."""

    shift_us: int = 0

    def now_us(self) -> int:
        return SystemClock().now_us() + self.shift_us

    def monotonic(self) -> float:
        return SystemClock().monotonic()


def make_worker(queue: Queue, **options: Any) -> Worker:
    clock: Clock = options.pop("clock", queue.clock)
    settings: dict[str, Any] = {
        "database": queue.database,
        "routing": queue.routing,
        "handlers": HandlerPool((), clock=clock),
        "clock": clock,
        "random": random.random,
        "resolver": StaticResolver({}),
        "policy": AddressPolicy(allow_private=True),
        "metrics": Metrics(),
        "announcements": Announcements(Pipe(None)),
        "secret_headers": frozenset(),
        "keyring": Keyring([bytes(32)]),
        "grants": NoGrants(),
        "shutdown_deadline_seconds": 5.0,
    }
    return Worker(**(settings | options))


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    """Look, off the loop, until it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.02)


def all_are(queue: Queue, state: str) -> Callable[[], bool]:
    return lambda: set(queue.states()) == {state}


def test_a_delivery_arrives_signed_and_is_recorded(live: Queue) -> None:
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url, secrets=(SigningSecret(SECRET),))
            live.add(target, 3)
            async with working(make_worker(live)):
                await until(all_are(live, "delivered"))

    asyncio.run(go())
    assert len(sink.received) == 3
    first: Received = sink.received[0]
    assert first.header("x-github-event") == "push"
    assert first.header("gateway-attempt") == "1"
    assert Webhook(SECRET).verify(first.body, dict(first.headers)) == {"n": 1}


def test_new_work_is_noticed_soon(live: Queue) -> None:
    sink = Sink()

    async def go() -> list[float]:
        waits = []
        async with sink.running(), working(make_worker(live)):
            target = live.destination(url=sink.url)
            for _ in range(10):
                sink.arrived.clear()
                await asyncio.to_thread(live.add, target)
                began = asyncio.get_running_loop().time()
                await asyncio.wait_for(sink.arrived.wait(), 5)
                waits.append(asyncio.get_running_loop().time() - began)
        return sorted(waits)

    assert asyncio.run(go())[4] < 0.5


def test_what_is_announced_is_tried_without_waiting_for_the_next_look(
    live: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summons, "POLL_SECONDS", PATIENCE_SECONDS)
    sink, path = Sink(), tmp_path / "pipe"
    announcer = Pipe(path)

    async def go() -> None:
        async with sink.running(), working(make_worker(live, announcements=Announcements(Pipe(path)))):
            target = live.destination(url=sink.url)
            for _ in range(10):
                sink.arrived.clear()
                await asyncio.to_thread(live.add, target)
                announcer.announce()
                await asyncio.wait_for(sink.arrived.wait(), 5)

    asyncio.run(go())
    announcer.close()
    assert len(sink.received) == 10


def test_a_worker_that_cannot_be_woken_looks_by_itself(live: Queue, tmp_path: Path) -> None:
    (tmp_path / "pipe").write_text("no pipe")
    sink = Sink()

    async def go() -> None:
        async with sink.running(), working(make_worker(live, announcements=Announcements(Pipe(tmp_path / "pipe")))):
            live.add(live.destination(url=sink.url))
            await until(all_are(live, "delivered"))

    asyncio.run(go())


def test_an_endpoint_that_never_answers_delays_nobody_else(live: Queue) -> None:
    hanging, sink = Sink(never), Sink()

    async def go() -> None:
        async with hanging.running(), sink.running():
            slow = live.destination("slow", url=hanging.url, timeout_seconds=60.0)
            live.add(slow, 1000)
            quick = live.destination("quick", url=sink.url)
            worker = make_worker(live, shutdown_deadline_seconds=0.1)
            async with working(worker):
                await asyncio.wait_for(hanging.arrived.wait(), PATIENCE_SECONDS)
                await asyncio.to_thread(live.add, quick, 300)
                await until(lambda: live.states().get("delivered") == 300)

    asyncio.run(go())
    # Had the others waited until one of these was given up, it would have been counted.
    assert live.states() == {"pending": 1000, "delivered": 300}, "what hung is released, not counted"
    with live.database.read() as connection:
        assert (
            connection.execute(text("SELECT max(attempts_made) FROM deliveries WHERE state = 'pending'")).scalar() == 0
        )


def test_several_workers_share_one_queue_and_nothing_goes_twice(live: Queue) -> None:
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url)
            live.add(target, 400)
            async with working(make_worker(live), make_worker(live)):
                await until(all_are(live, "delivered"))

    asyncio.run(go())
    ids = [received.header("webhook-id") for received in sink.received]
    assert len(ids) == len(set(ids)) == 400


def test_equal_keys_arrive_in_order_whatever_fails_in_between(live: Queue) -> None:
    sink, rolls = Sink(), random.Random(7)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=200 if rolls.random() < 0.8 else 404)

    sink.answer = answer

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url, schedule_seconds=(0.01,) * 30, ordering_key="key")
            for number in range(15):
                await asyncio.to_thread(live.add, target, keys=["a", "b", "c"], body=b"%d" % number)
            async with working(make_worker(live), make_worker(live)):
                await until(all_are(live, "delivered"))

    asyncio.run(go())
    with live.database.read() as connection:
        rows = connection.execute(
            text("SELECT ordering_key, id, finished_at FROM deliveries ORDER BY ordering_key, id")
        ).all()
    for key in "abc":
        finished = [row.finished_at for row in rows if row.ordering_key == key]
        assert finished == sorted(finished)


def test_a_large_body_is_loaded_when_its_turn_comes(live: Queue) -> None:
    sink = Sink()
    body = b"x" * 3_000_000

    async def go() -> None:
        async with sink.running():
            live.add(live.destination(url=sink.url, secrets=(SigningSecret(SECRET),)), 3, body=body)
            async with working(make_worker(live)):
                await until(all_are(live, "delivered"))

    asyncio.run(go())
    assert [received.body == body for received in sink.received] == [True] * 3


def test_an_event_that_is_gone_is_a_dead_letter(live: Queue) -> None:
    (id_,) = live.add(live.destination())
    with live.database.write() as connection:
        connection.execute(text("DELETE FROM events"))

    async def go() -> None:
        async with working(make_worker(live)):
            await until(all_are(live, "dead"))

    asyncio.run(go())
    assert live.row(id_).reason == "event_missing"


def test_a_dead_delivery_makes_an_event_that_is_routed(live: Queue) -> None:
    async def go() -> None:
        sink = Sink(status(500))
        async with sink.running():
            live.add(live.destination(url=sink.url, schedule_seconds=()))
            async with working(make_worker(live)):
                await until(all_are(live, "dead"))

    asyncio.run(go())
    with live.database.read() as connection:
        types = connection.execute(text("SELECT type FROM events WHERE source = 'gateway'")).scalars().all()
    assert types == ["gateway.delivery.dead"]


def test_a_stop_waits_for_tries_in_flight(live: Queue) -> None:
    async def go() -> None:
        release = asyncio.Event()

        async def answer(_request: web.Request) -> web.Response:
            await release.wait()
            return web.Response()

        sink = Sink(answer)
        async with sink.running():
            target = live.destination(url=sink.url)
            live.add(target)
            worker = make_worker(live)
            task = asyncio.create_task(worker.run())
            await asyncio.wait_for(sink.arrived.wait(), PATIENCE_SECONDS)
            worker.stop()
            await asyncio.to_thread(live.add, target)
            release.set()
            await asyncio.wait_for(task, PATIENCE_SECONDS)

    asyncio.run(go())
    assert live.states() == {"delivered": 1, "pending": 1}


def test_a_second_stop_does_not_wait(live: Queue) -> None:
    async def go() -> float:
        sink = Sink(never)
        async with sink.running():
            live.add(live.destination(url=sink.url, timeout_seconds=60.0))
            worker = make_worker(live, shutdown_deadline_seconds=60.0)
            task = asyncio.create_task(worker.run())
            await asyncio.wait_for(sink.arrived.wait(), PATIENCE_SECONDS)
            began = asyncio.get_running_loop().time()
            worker.stop()
            worker.stop()
            await asyncio.wait_for(task, PATIENCE_SECONDS)
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(go()) < 10
    assert live.states() == {"pending": 1}


def test_a_clock_set_back_while_working_holds_nothing_up(live: Queue) -> None:
    clock = ShiftedClock()
    live.clock = clock
    sink = Sink(status(500))

    async def go() -> None:
        async with sink.running():
            live.add(live.destination(url=sink.url, schedule_seconds=(0.2,) * 50))
            async with working(make_worker(live)):
                await until(lambda: len(sink.received) >= 2)
                sink.answer = None
                clock.shift_us = -3600 * MICROSECONDS
                await until(all_are(live, "delivered"))

    asyncio.run(go())


def test_a_clock_set_forward_takes_no_lease_from_a_worker_that_lives(live: Queue) -> None:
    clock = ShiftedClock()
    live.clock = clock
    sink = Sink(never)

    async def go() -> None:
        async with sink.running():
            target: Target = live.destination(url=sink.url, timeout_seconds=60.0)
            live.add(target)
            one, other = (make_worker(live, shutdown_deadline_seconds=0.1) for _ in range(2))
            async with working(one, other):
                await asyncio.wait_for(sink.arrived.wait(), PATIENCE_SECONDS)
                clock.shift_us = 86_400 * MICROSECONDS
                await asyncio.to_thread(live.add, live.destination("next", url=sink.url, timeout_seconds=60.0))
                await until(lambda: len(sink.received) == 2)

    asyncio.run(go())
    assert len(sink.received) == 2


def unchanging(queue: Queue) -> Callable[[], RoutingSnapshot]:
    """The configuration as it is now: one value, as long as nothing changes."""
    routing = queue.routing()
    return lambda: routing


def test_who_hears_of_everything_does_not_look_all_the_time(live: Queue) -> None:
    begun: list[object] = []
    event.listen(live.database.engine, "begin", begun.append)

    async def go() -> None:
        live.destination()
        async with working(make_worker(live, routing=unchanging(live), sweep_seconds=3600.0)):
            await until(lambda: len(begun) >= 1)
            before = len(begun)
            # Many intervals of one that looks by itself.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 20 * summons.POLL_SECONDS)
            assert len(begun) - before <= 1

    asyncio.run(go())


def test_what_it_is_told_of_it_delivers_and_what_is_stale_it_counts(live: Queue) -> None:
    sink, metrics = Sink(), Metrics()

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url)
            worker = make_worker(live, routing=unchanging(live), sweep_seconds=3600.0, metrics=metrics)
            live.add(target)
            async with working(worker):
                # It looks when it starts, and then no more.
                await until(all_are(live, "delivered"))
                ids = await asyncio.to_thread(live.add, target, 3)
                worker.announce(ids)
                await until(all_are(live, "delivered"))
                worker.announce(ids)
                worker.announce(["dlv_of_nobody"])
                await until(lambda: bool(metrics.registry.get_sample_value("gateway_announcements_stale_total")))

    asyncio.run(go())
    assert len(sink.received) == 4


def test_it_looks_when_it_knows_that_something_comes_due(live: Queue) -> None:
    answers = iter([500, 500, 200])

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=next(answers))

    sink = Sink(answer)

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url, schedule_seconds=(0.1, 0.2))
            live.add(target)
            async with working(make_worker(live, routing=unchanging(live), sweep_seconds=3600.0)):
                await until(all_are(live, "delivered"))

    asyncio.run(go())


def test_it_looks_when_the_configuration_changes(live: Queue) -> None:
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            target = live.destination(url=sink.url)
            routing = live.routing()
            live.targets.clear()
            loaded = [live.routing()]
            live.add(target)
            looked: list[object] = []
            event.listen(live.database.engine, "begin", looked.append)
            async with working(make_worker(live, sweep_seconds=3600.0, routing=lambda: loaded[-1])):
                await until(lambda: len(looked) >= 1)
                loaded.append(routing)
                await until(all_are(live, "delivered"))

    asyncio.run(go())
