"""Listening to events as they come: each at least once, in order, for no thread, and within bounds."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import datetime, timedelta

import pytest

from gateway.clock import FakeClock, from_us
from gateway.db.database import Database
from gateway.errors import InvalidInput, StorageUnavailable, TooManyListeners
from gateway.events.append import append_events
from gateway.events.live.hub import (
    KEPT_PER_CHANNEL,
    LISTENERS,
    LISTENERS_PER_KEY,
    LISTENERS_PER_TENANT,
    MISSED_THREADS,
    EventHub,
    Guest,
)
from gateway.events.live.listening import listen
from gateway.events.live.missed import BATCH, MOST_EVENTS, read_missed
from gateway.events.search import EventFilter, events_after
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.management.test_follow import row_of
from tests.services.acting import acting_on, add_tenant
from tests.services.event_stream import EventStreamReader
from tests.services.rows import id_at, store_event
from tests.services.waiting import until

EVERY = EventFilter()
WAIT_SECONDS = 30.0


def guest(
    *, tenant_id: str = DEFAULT_TENANT_ID, key_id: str = "key_1", is_welcome: Callable[[], bool] = lambda: True
) -> Guest:
    return Guest(tenant_id, key_id, is_welcome)


class Stream:
    """A listener, read as somebody reads it who takes what is there."""

    def __init__(self, body: AsyncGenerator[bytes, None]) -> None:
        self.body = body
        self.reader = EventStreamReader()

    async def until(self, condition: Callable[[EventStreamReader], object]) -> EventStreamReader:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition(self.reader):
                self.reader.feed(await anext(self.body))
        return self.reader

    async def ids(self, count: int) -> list[str]:
        """The ids of all that came, at least so many."""
        return (await self.until(lambda reader: len(reader.events) >= count)).ids

    async def end(self) -> EventStreamReader:
        async with asyncio.timeout(WAIT_SECONDS):
            async for piece in self.body:
                self.reader.feed(piece)
        return self.reader


@pytest.fixture
def hub(database: Database, fake_clock: FakeClock) -> Iterator[EventHub]:
    made = EventHub(database, fake_clock)
    yield made
    made.close()


def now(clock: FakeClock) -> datetime:
    return from_us(clock.now_us())


def hub_threads() -> int:
    return sum(thread.name.startswith("events-") for thread in threading.enumerate())


def test_everybody_hears_what_is_theirs_in_the_order_in_which_it_commits(hub: EventHub, fake_clock: FakeClock) -> None:
    other = add_tenant(hub.database, fake_clock, "acme")
    store_event(hub.database, now(fake_clock) - timedelta(seconds=1))
    fake_clock.advance(1)

    async def ask() -> None:
        every, stripe, theirs = (
            Stream(listen(hub, guest(), EVERY, None)),
            Stream(listen(hub, guest(), EventFilter(source="stripe", type="charge.*"), None)),
            Stream(listen(hub, guest(tenant_id=other), EVERY, None)),
        )
        started = now(fake_clock)
        fake_clock.advance(3)
        first = store_event(hub.database, now(fake_clock))
        assert await every.ids(1) == [first]
        # Its id is older than the one that was told, and than the stream.
        late = store_event(hub.database, started - timedelta(seconds=1))
        assert await every.ids(2) == [first, late]
        charge = store_event(hub.database, now(fake_clock), source="stripe", type="charge.failed")
        foreign = store_event(hub.database, now(fake_clock), source="stripe", type="charge.failed", tenant_id=other)
        assert await every.ids(3) == [first, late, charge]
        assert await stripe.ids(1) == [charge]
        assert await theirs.ids(1) == [foreign]
        assert every.reader.events[2]["data"].startswith(f'{{"id": "{charge}", "source": "stripe"')
        for stream in (every, stripe, theirs):
            await stream.body.aclose()

    asyncio.run(ask())


def test_who_comes_back_has_missed_nothing(hub: EventHub, fake_clock: FakeClock) -> None:
    start = now(fake_clock)
    at = [start + timedelta(seconds=seconds) for seconds in range(8)]
    long_ago = store_event(hub.database, start)
    fake_clock.advance(7)
    heard = store_event(hub.database, at[6], source="stripe")
    store_event(hub.database, at[6], source="gitlab", tenant_id=add_tenant(hub.database, fake_clock, "acme"))
    # Committed after the last one that was heard, with an id before it.
    late, newer = store_event(hub.database, at[4]), store_event(hub.database, at[7])

    async def ask() -> None:
        back = Stream(listen(hub, guest(), EVERY, heard))
        assert await back.ids(3) == [late, heard, newer]
        fake_clock.advance(1)
        live = store_event(hub.database, now(fake_clock))
        assert (await back.ids(4))[3] == live
        narrow = Stream(listen(hub, guest(), EventFilter(source="github"), heard))
        assert (await narrow.ids(3))[:2] == [late, newer]
        for stream in (back, narrow):
            await stream.body.aclose()
            assert long_ago not in stream.reader.ids

    asyncio.run(ask())
    for wrong in ("evt_1", heard.upper(), f"{heard}\n", heard.replace("evt_", "dlv_"), "evt_" + "v" * 26):
        with pytest.raises(InvalidInput):
            listen(hub, guest(), EVERY, wrong)
    with pytest.raises(InvalidInput):
        listen(hub, guest(), EventFilter(type="a[b"), None)


def test_a_client_that_is_cut_off_again_and_again_hears_of_all_that_commits_meanwhile(
    hub: EventHub, fake_clock: FakeClock
) -> None:
    stored: set[str] = set()
    random_order = random.Random(7)

    def store() -> None:
        """Twelve that were made one after the other commit in any order, one by one."""
        ids = [id_at("evt", now(fake_clock) + timedelta(milliseconds=number)) for number in range(12)]
        stored.update(ids)
        for event_id in random_order.sample(ids, len(ids)):
            with hub.database.write() as connection:
                append_events(connection, [row_of(event_id, fake_clock)])

    async def ask() -> None:
        heard: set[str] = set()
        last: str | None = None
        for _round in range(6):
            stream = Stream(listen(hub, guest(), EVERY, last))
            storing = asyncio.create_task(asyncio.to_thread(store))
            await stream.until(lambda reader: set(reader.ids) - heard)
            await stream.body.aclose()
            heard.update(stream.reader.ids)
            last = stream.reader.ids[-1]
            await storing
            fake_clock.advance(1)
        stream = Stream(listen(hub, guest(), EVERY, last))
        await stream.until(lambda reader: heard.union(reader.ids) == stored)
        await stream.body.aclose()

    asyncio.run(ask())
    assert len(stored) == 72


def test_two_hundred_listen_for_the_threads_of_one(hub: EventHub, fake_clock: FakeClock) -> None:
    async def ask() -> None:
        streams = [Stream(listen(hub, guest(key_id=f"key_{number % 8}"), EVERY, None)) for number in range(200)]
        asking = [asyncio.create_task(stream.ids(2)) for stream in streams]
        heard = Stream(listen(hub, guest(tenant_id=add_tenant(hub.database, fake_clock, "acme")), EVERY, None))
        await heard.until(lambda reader: reader.comments)
        assert hub_threads() == 1
        events = [store_event(hub.database, now(fake_clock)) for _ in range(2)]
        for found in await asyncio.gather(*asking):
            assert sorted(found) == sorted(events)
        assert hub_threads() == 1
        back = Stream(listen(hub, guest(key_id="key_8", tenant_id="ten_acme"), EVERY, events[0]))
        await back.until(lambda reader: len(reader.comments) >= 2)
        assert hub_threads() <= 1 + MISSED_THREADS
        for stream in (*streams, heard, back):
            await stream.body.aclose()

    asyncio.run(ask())
    until(lambda: not any(one.name == "events-live" for one in threading.enumerate()), "nobody listens any more")
    # And once more from the beginning.

    async def ask_again() -> None:
        stream = Stream(listen(hub, guest(), EVERY, None))
        event = store_event(hub.database, now(fake_clock))
        assert await stream.ids(1) == [event]
        await stream.body.aclose()

    asyncio.run(ask_again())


def test_who_takes_slowly_holds_nothing_and_goes_on_from_the_journal(database: Database, fake_clock: FakeClock) -> None:
    hub = EventHub(database, fake_clock, kept_frames=20)
    ids = sorted(id_at("evt", now(fake_clock) + timedelta(milliseconds=number)) for number in range(3 * BATCH + 50))

    async def ask() -> None:
        slow, quick = Stream(listen(hub, guest(), EVERY, None)), Stream(listen(hub, guest(), EVERY, None))
        await slow.until(lambda reader: reader.comments)
        with database.write() as connection:
            append_events(connection, [row_of(event_id, fake_clock) for event_id in ids])
        await quick.ids(1)
        [channel] = {listener.channel for listener in hub.listeners()}
        assert len(channel.window.frames) <= 20
        assert set(await slow.ids(len(ids))) == set(ids)
        assert any(words.startswith("fell behind") for words in slow.reader.comments)
        fake_clock.advance(1)
        event = store_event(database, now(fake_clock))
        await slow.until(lambda reader: event in reader.ids)
        for stream in (slow, quick):
            await stream.body.aclose()

    try:
        asyncio.run(ask())
    finally:
        hub.close()
    assert KEPT_PER_CHANNEL <= 5_000


def test_a_step_back_into_the_journal_is_short_whatever_it_lets_pass(hub: EventHub, fake_clock: FakeClock) -> None:
    ids = sorted(id_at("evt", now(fake_clock) + timedelta(microseconds=number)) for number in range(MOST_EVENTS + 10))
    with hub.database.write() as connection:
        append_events(connection, [row_of(event_id, fake_clock) for event_id in ids])
    rare = hub.join(guest(), EventFilter(source="stripe")).channel
    step = read_missed(hub.database, rare, "")
    assert (step.frames, step.after_id, step.is_all) == ([], ids[MOST_EVENTS - 1], False)
    assert read_missed(hub.database, rare, step.after_id) == ([], ids[-1], True)
    every = hub.join(guest(), EVERY).channel
    step = read_missed(hub.database, every, "")
    assert ([one.event_id for one in step.frames], step.is_all) == (ids[:BATCH], False)


def test_who_is_not_welcome_any_more_is_let_go_of(hub: EventHub) -> None:
    welcome = True

    def unsure() -> bool:
        raise StorageUnavailable("the database does not answer")

    async def ask() -> None:
        nonlocal welcome
        ending = Stream(listen(hub, guest(is_welcome=lambda: welcome), EVERY, None))
        staying = Stream(listen(hub, guest(is_welcome=unsure), EVERY, None))
        await ending.until(lambda reader: reader.comments)
        await staying.until(lambda reader: reader.comments)
        welcome = False
        assert (await ending.end()).comments[-1] == "ended: the API key opens no more"
        hub.close()
        assert (await staying.end()).comments[-1] == "ended: the gateway is ending"

    asyncio.run(ask())


def test_silence_is_broken_by_a_sign_of_life(hub: EventHub) -> None:
    async def ask() -> None:
        stream = Stream(listen(hub, guest(), EVERY, None, heartbeat_seconds=0.01))
        await stream.until(lambda reader: reader.comments.count("still here") >= 3)
        await stream.body.aclose()

    asyncio.run(ask())


def test_so_many_listen_and_who_was_dropped_makes_room(hub: EventHub) -> None:
    def join(count: int, *, keys: int, tenants: int) -> list[AsyncGenerator[bytes, None]]:
        return [
            listen(hub, guest(tenant_id=f"ten_{number % tenants}", key_id=f"key_{number % keys}"), EVERY, None)
            for number in range(count)
        ]

    for most, keys, tenants in (
        (LISTENERS_PER_KEY, 1, 1),
        (LISTENERS_PER_TENANT, 100, 1),
        (LISTENERS, 100, 10),
    ):
        bodies = join(most, keys=keys, tenants=tenants)
        with pytest.raises(TooManyListeners, match=str(most)):
            join(1, keys=1, tenants=1)
        # Never begun, never closed: as a body is that its server dropped.
        del bodies[0]
        gc.collect()
        bodies += join(1, keys=1, tenants=1)
        del bodies


def test_the_command_and_the_stream_mean_the_same_by_a_filter(hub: EventHub, fake_clock: FakeClock) -> None:
    types = ["push", "Push", "a.b", "a", "aXb", "a%b", "a_b", "a\\b", "é", None]
    for number, type_ in enumerate(types):
        store_event(hub.database, now(fake_clock) + timedelta(milliseconds=number), type=type_, source=f"s{number % 2}")
    patterns = ["push", "p*", "?ush", "a.*", "a?b", "a%b", "a_b", "a\\b", "*", "?", "é", None]
    for wanted in [EventFilter(source, pattern) for pattern in patterns for source in (None, "s1")]:
        channel = hub.join(guest(key_id=f"{wanted}"), wanted).channel
        with acting_on(hub.database, write=False) as acting:
            expected = [event.id for event in events_after(acting.session, wanted, "", 100)]
        assert [one.event_id for one in read_missed(hub.database, channel, "").frames] == expected, wanted
