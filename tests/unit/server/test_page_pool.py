"""Pages step back for webhooks: they begin one after the other, at a low priority, with a rest, and none waits long."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

import pytest

from gateway.priority import NICENESS
from gateway.server import page_pool
from gateway.server.page_pool import PagePool

WAIT_SECONDS = 20.0


class Page:
    """A page that begins when it is called, and ends when it is told to."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.may_end.wait(WAIT_SECONDS)
        return "done"


async def begun(page: Page) -> bool:
    return await asyncio.to_thread(page.began.wait, WAIT_SECONDS)


def test_pages_begin_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pool, "TURN_SECONDS", WAIT_SECONDS)

    async def ask() -> None:
        pool = PagePool(8, lambda: 0)
        first, second = Page(), Page()
        tasks = [asyncio.create_task(pool.run(page)) for page in (first, second)]
        assert await begun(first)
        assert not second.began.is_set()
        first.may_end.set()
        assert await begun(second)
        second.may_end.set()
        assert await asyncio.gather(*tasks) == ["done"] * 2
        pool.close()

    asyncio.run(ask())


def test_nobody_waits_for_a_slow_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pool, "TURN_SECONDS", 0.01)
    may_end = threading.Event()

    def compute() -> None:
        while not may_end.is_set():
            pass

    async def ask() -> None:
        pool = PagePool(8, lambda: 0)
        waiting = [Page() for _ in range(3)]
        tasks = [asyncio.create_task(pool.run(compute)), *(asyncio.create_task(pool.run(page)) for page in waiting)]
        assert all([await begun(page) for page in waiting])
        may_end.set()
        for page in waiting:
            page.may_end.set()
        await asyncio.gather(*tasks)
        # Every turn was given back once, no more and no less.
        monkeypatch.setattr(page_pool, "TURN_SECONDS", WAIT_SECONDS)
        first, second = Page(), Page()
        tasks = [asyncio.create_task(pool.run(page)) for page in (first, second)]
        assert await begun(first)
        assert not second.began.is_set()
        for page in (first, second):
            page.may_end.set()
        await asyncio.gather(*tasks)
        pool.close()

    asyncio.run(ask())


@pytest.mark.parametrize("turn_seconds", [WAIT_SECONDS, 0.0], ids=["in its turn", "beyond its turn"])
@pytest.mark.parametrize("webhooks_come", [True, False])
def test_pages_rest_while_webhooks_come(
    webhooks_come: bool, turn_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_pool, "REST_PER_SECOND", 1e6)
    monkeypatch.setattr(page_pool, "MOST_REST_SECONDS", 0.1)
    monkeypatch.setattr(page_pool, "TURN_SECONDS", turn_seconds)
    count = 0

    def compute() -> None:
        nonlocal count
        count += webhooks_come
        began = time.thread_time()
        while time.thread_time() - began < 0.001:
            pass

    async def ask() -> None:
        pool = PagePool(1, lambda: count)
        await pool.run(compute)
        late = Page()
        task = asyncio.create_task(pool.run(late))
        if webhooks_come:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 0.02)
            assert not late.began.is_set()
            # But not for ever, however long the page took.
            late.may_end.set()
            assert await asyncio.wait_for(task, WAIT_SECONDS) == "done"
        else:
            late.may_end.set()
            assert await task == "done"
        pool.close()

    asyncio.run(ask())


def test_a_page_that_fails_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pool, "TURN_SECONDS", WAIT_SECONDS)

    def fail() -> None:
        raise LookupError("broken")

    async def ask() -> None:
        pool = PagePool(8, lambda: 0)
        for _ in range(2):
            with pytest.raises(LookupError):
                await pool.run(fail)
        pool.close()

    asyncio.run(ask())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_pages_have_a_low_priority_and_the_loop_keeps_its_own() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def ask() -> int:
        pool = PagePool(1, lambda: 0)
        try:
            return await pool.run(niceness)
        finally:
            pool.close()

    before = niceness()
    assert asyncio.run(ask()) == max(NICENESS, before)
    assert niceness() == before
