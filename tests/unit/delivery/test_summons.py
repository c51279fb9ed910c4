"""When a worker looks for work by itself."""

from __future__ import annotations

import pytest

from gateway.announcing.pipe import Pipe
from gateway.clock import FakeClock
from gateway.delivery.queue.session import NOTHING
from gateway.delivery.worker.summons import LONGEST_REST_SECONDS, POLL_SECONDS, Summons


@pytest.mark.parametrize(
    ("took_seconds", "rest_seconds"), [(0.0, POLL_SECONDS), (0.1, 0.4), (25.0, LONGEST_REST_SECONDS)]
)
def test_it_rests_after_a_costly_look_and_never_for_long(took_seconds: float, rest_seconds: float) -> None:
    clock = FakeClock()
    summons = Summons(Pipe(None), clock, on_job=lambda: None, sweep_seconds=None)
    summons.plan(NOTHING, took_seconds, now_us=clock.now_us())
    clock.advance(rest_seconds - 0.01)
    assert not summons.take(()).is_time
    clock.advance(0.02)
    assert summons.take(()).is_time
