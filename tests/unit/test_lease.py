"""Leases on a machine whose clock jumps: when they are looked after, what is of another time, what is pulled back."""

from __future__ import annotations

import pytest

from gateway.clock import FakeClock
from gateway.db.lease import (
    ClockJump,
    LeaseWatch,
)

LONGEST = 25.0


@pytest.fixture
def watch(fake_clock: FakeClock) -> LeaseWatch:
    made = LeaseWatch(fake_clock, every_seconds=1.0)
    made.pulled_back()
    return made


@pytest.mark.parametrize(
    ("jump", "expected"),
    [(3600, ClockJump.FORWARD), (-3600, ClockJump.BACKWARD), (1, ClockJump.NONE), (-1, ClockJump.NONE)],
)
def test_a_jump_of_the_clock_is_seen_once(
    fake_clock: FakeClock, watch: LeaseWatch, jump: float, expected: ClockJump
) -> None:
    fake_clock.advance(86_400)
    assert watch.look() is ClockJump.NONE
    fake_clock.jump(jump)
    assert watch.look() is expected
    assert watch.look() is ClockJump.NONE


def test_it_is_looked_every_so_often(fake_clock: FakeClock, watch: LeaseWatch) -> None:
    assert watch.is_sweep_due
    watch.swept()
    assert not watch.is_sweep_due
    fake_clock.advance(1.0)
    assert watch.is_sweep_due


def test_a_clock_set_forward_ends_nobodys_lease_early(fake_clock: FakeClock, watch: LeaseWatch) -> None:
    fake_clock.jump(86_400)
    assert watch.look() is ClockJump.FORWARD
    watch.leave_alone(LONGEST)
    assert not watch.must_pull_back
    fake_clock.advance(LONGEST - 1)
    watch.look()
    assert not watch.is_sweep_due
    fake_clock.advance(1)
    assert watch.is_sweep_due


def test_a_clock_set_back_leaves_something_to_mend_until_it_is_mended(fake_clock: FakeClock, watch: LeaseWatch) -> None:
    fake_clock.jump(-60)
    watch.look()
    watch.look()
    assert watch.must_pull_back
    watch.pulled_back()
    assert not watch.must_pull_back


def test_a_process_that_starts_cannot_know_what_time_others_saw(fake_clock: FakeClock) -> None:
    assert LeaseWatch(fake_clock, every_seconds=1.0).must_pull_back
