"""Large bodies take no time of the loop, and their waiting has a bound."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from gateway.server.large_bodies import LARGE_BODY_THREADS, LargeBodies


def test_large_bodies_are_judged_in_threads_of_their_own() -> None:
    async def judge_some() -> set[str]:
        bodies = LargeBodies()
        try:
            return set(await asyncio.gather(*(bodies.run(lambda: threading.current_thread().name) for _ in range(50))))
        finally:
            bodies.close()

    names = asyncio.run(judge_some())
    assert 1 <= len(names) <= LARGE_BODY_THREADS
    assert all(name.startswith("large-bodies") for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_they_step_back() -> None:
    async def niceness() -> int:
        bodies = LargeBodies()
        try:
            return await bodies.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        finally:
            bodies.close()

    assert asyncio.run(niceness()) > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
