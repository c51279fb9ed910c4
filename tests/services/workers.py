"""Workers in threads of a test: quicker than processes, and with a clock of the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.clock import Clock
from gateway.config import Settings
from gateway.engines.parts import opened_parts
from gateway.installation import Installation


@contextmanager
def working(settings: Settings, clock: Clock | None = None) -> Iterator[Callable[[], None]]:
    """A worker with all its parts, as the embedded engine runs it, in a thread; gives what tells it to end."""
    with (
        Installation(settings, clock=clock) as installation,
        opened_parts(installation, engine="embedded", shutdown_deadline_seconds=60, handler_processes=1) as parts,
        asyncio.Runner() as runner,
    ):
        loop = runner.get_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(parts.worker.run()))

        def stop() -> None:
            loop.call_soon_threadsafe(parts.stop)

        thread.start()
        try:
            yield stop
        finally:
            stop()
            thread.join(90)
        assert not thread.is_alive()
