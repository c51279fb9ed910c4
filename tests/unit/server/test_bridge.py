"""From the writer's thread to the loop: everybody is told, once per transaction, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from gateway.db.writing.pending import Pending
from gateway.server.bridge import LoopBridge


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread woke it."""

    wake_ups = 0

    def call_soon_threadsafe(self, *arguments: Any, **named: Any) -> Any:
        self.wake_ups += 1
        return super().call_soon_threadsafe(*arguments, **named)


def test_one_transaction_wakes_the_loop_once() -> None:
    loop = CountingLoop()
    bridge = LoopBridge(loop, timeout_seconds=20)
    pendings: list[Pending[int]] = [Pending() for _ in range(100)]

    def settle() -> None:
        for number, pending in enumerate(pendings):
            pending.succeed(number)
        bridge.settled(pendings)

    async def wait_for_all() -> None:
        waits = [asyncio.create_task(bridge.wait(pending)) for pending in pendings]
        # Once around, so that all of them wait.
        await asyncio.sleep(0)
        threading.Thread(target=settle).start()
        await asyncio.gather(*waits)

    loop.run_until_complete(wait_for_all())
    loop.close()
    assert [pending.result(0) for pending in pendings] == list(range(100))
    assert loop.wake_ups == 1


def test_transactions_that_end_before_the_loop_looks_share_a_wake_up() -> None:
    loop = CountingLoop()
    bridge = LoopBridge(loop, timeout_seconds=20)
    pendings: list[Pending[int]] = [Pending() for _ in range(10)]

    async def wait_for_all() -> None:
        waits = [asyncio.create_task(bridge.wait(pending)) for pending in pendings]
        await asyncio.sleep(0)
        for number, pending in enumerate(pendings):
            pending.succeed(number)
            bridge.settled([pending])
        await asyncio.gather(*waits)

    loop.run_until_complete(wait_for_all())
    loop.close()
    assert loop.wake_ups == 1


def test_what_is_settled_already_is_not_waited_for() -> None:
    async def wait() -> None:
        bridge = LoopBridge(asyncio.get_running_loop(), timeout_seconds=20)
        pending: Pending[int] = Pending()
        pending.succeed(1)
        bridge.settled([pending])
        await bridge.wait(pending)

    asyncio.run(wait())


def test_nobody_waits_for_longer_than_the_time_given() -> None:
    async def wait() -> list[bool]:
        bridge = LoopBridge(asyncio.get_running_loop(), timeout_seconds=0.02)
        first: Pending[int] = Pending()
        second: Pending[int] = Pending()
        early = asyncio.create_task(bridge.wait(first))
        # Half of its time passes, or all of it.
        await asyncio.wait({early}, timeout=0.01)
        await asyncio.gather(early, bridge.wait(second))
        return [first.is_settled, second.is_settled]

    assert asyncio.run(asyncio.wait_for(wait(), 10)) == [False, False]


def test_results_for_nobody_are_no_fault() -> None:
    async def give_up() -> None:
        bridge = LoopBridge(asyncio.get_running_loop(), timeout_seconds=20)
        pending: Pending[int] = Pending()
        task = asyncio.create_task(bridge.wait(pending))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        pending.succeed(1)
        bridge.settled([pending])
        await asyncio.sleep(0)

    asyncio.run(give_up())


def test_a_loop_that_has_ended_does_not_stop_the_writer() -> None:
    loop = asyncio.new_event_loop()
    bridge = LoopBridge(loop, timeout_seconds=20)
    loop.close()
    bridge.settled([Pending()])
