"""Refreshing ahead of the end: due connections in batches, by several threads, fairly shared among apps.

What fails is due again by its own back-off; where a provider does not answer at all, the rest of its app's connections
wait for the next run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Final

from gateway.clock import from_us
from gateway.errors import GatewayError
from gateway.oauth.protocol.errors import ProviderUnavailable
from gateway.oauth.refreshing.due import Due, find_due, postpone
from gateway.oauth.refreshing.fair_line import FairLine
from gateway.oauth.refreshing.single_flight import SingleFlight
from gateway.telemetry.logging import get_logger

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

THREADS: Final = 8
MOST_OF_AN_APP: Final = 4
"""Refreshes at once by one app's credentials: one provider that is slow leaves half of the threads to others."""
SILENT_AFTER: Final = 3
"""So many unanswered calls in a row, and the rest of the app's connections wait."""
RUN_SECONDS: Final = 50.0

_log = get_logger(__name__)


def refresh_due(run: JobRun) -> Mapping[str, int]:
    """Renew what is due until nothing is, or for `RUN_SECONDS`: how many came to what. Raises `JobInterrupted`."""
    flight = run.installation.part(SingleFlight)
    counts: Counter[str] = Counter()
    ends_at = run.clock.monotonic() + RUN_SECONDS
    while run.clock.monotonic() < ends_at:
        run.checkpoint()
        now = from_us(flight.clock.now_us())
        with run.installation.database.system_session() as session:
            due = find_due(session, now)
        if not due:
            break
        counts += _refreshed(flight, due, run)
        with run.installation.database.system_session(write=True) as session:
            chance = random.random()  # noqa: S311 (spreads refreshes, no secret)
            counts["postponed"] += postpone(session, [one.id for one in due], now, chance=chance)
        run.progress(counts["refreshed"])
    return {outcome: count for outcome, count in counts.items() if count}


def _refreshed(flight: SingleFlight, due: Sequence[Due], run: JobRun) -> Counter[str]:
    line = FairLine(due, group=lambda one: one.app or one.id, most=MOST_OF_AN_APP)
    counts: Counter[str] = Counter()
    unanswered: Counter[str | None] = Counter()
    lock = Lock()

    def work() -> None:
        while (one := line.take()) is not None:
            try:
                outcome = _outcome(flight, one)
            finally:
                line.done(one)
            with lock:
                counts[outcome] += 1
                unanswered[one.app] = unanswered[one.app] + 1 if outcome == ProviderUnavailable.code else 0
                if unanswered[one.app] >= SILENT_AFTER:
                    line.drop(one.app)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="refresh") as pool:
        threads = [pool.submit(work) for _ in range(min(THREADS, len(due)))]
        try:
            while not all(thread.done() for thread in threads):
                run.sleep(0.05)
        finally:
            line.close()
    for thread in threads:
        thread.result()
    return counts


def _outcome(flight: SingleFlight, one: Due) -> str:
    try:
        flight.refresh(one.id, version=one.version)
    except GatewayError as error:
        # Told already where it is about the connection; what is about us is not.
        _log.info("a due connection was not refreshed", connection=one.id, code=error.code)
        return error.code
    return "refreshed"
