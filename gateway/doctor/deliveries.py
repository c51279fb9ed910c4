"""Destinations: whose circuit is open, for whom what waits how long, and what was given up."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.clock import MICROSECONDS, from_us, iso
from gateway.delivery.models import CircuitState
from gateway.delivery.queue.gauges import MOST_DEAD, Troubled, read_queue_gauges, read_troubled
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation

# So long what is due may wait for a worker that is busy.
LATE_SECONDS = 60
# With so much waiting it is said, whatever it waits for.
LARGE_BACKLOG = 10_000


def deliveries(installation: Installation) -> Iterator[CheckResult]:
    """How much waits, and each destination that is not as it should be. Raises `StorageUnavailable`."""
    gauges = read_queue_gauges(installation.database, installation.clock)
    pending, leased = (gauges.depth_by_state.get(state, 0) for state in ("pending", "leased"))
    detail = f"{pending} wait, {leased} are being tried"
    is_late = gauges.oldest_due_seconds > LATE_SECONDS
    if is_late:
        detail += f"; the oldest is due for {gauges.oldest_due_seconds:.0f} s"
    yield CheckResult("backlog", Level.WARN if is_late or pending >= LARGE_BACKLOG else Level.OK, detail)
    with installation.database.read() as connection:
        troubled = read_troubled(connection)
    now_us = installation.clock.now_us()
    for one in troubled:
        found = "; ".join(_troubles(one, now_us))
        if found:
            hint = Hint("show_destination", {"name": one.name})
            yield CheckResult("destination", Level.WARN, f"{one.label}: {found}", hint)


def _troubles(one: Troubled, now_us: int) -> Iterator[str]:
    if one.circuit is not None:
        word = "open" if one.circuit == CircuitState.OPEN else "half open"
        probe = f", tried next at {iso(from_us(one.probe_at))}" if one.probe_at is not None else ""
        yield f"its circuit is {word}{probe}"
    late_seconds = 0 if one.oldest_due_at is None else (now_us - one.oldest_due_at) // MICROSECONDS
    if late_seconds > LATE_SECONDS:
        yield f"the oldest delivery is due for {late_seconds} s"
    if one.dead:
        since = f" since {iso(from_us(one.dead_since))}" if one.dead_since is not None else ""
        count = f"{one.dead} or more" if one.dead >= MOST_DEAD else str(one.dead)
        yield f"{count} dead{since}"
