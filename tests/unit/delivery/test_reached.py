"""How far a replay is, kept by one version and gone on with by another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.replays.reached import Reached

REACHED = Reached("evt_1", datetime(2026, 11, 27, tzinfo=UTC), ReplayCounts(events=7, replayed=3))


def test_it_comes_back_as_it_was_kept() -> None:
    assert Reached.of(REACHED.as_position()) == REACHED


def test_counts_of_another_version_stop_nothing() -> None:
    position = REACHED.as_position()
    del position["counts"]["replayed"]
    position["counts"]["of_tomorrow"] = 5
    assert Reached.of(position) == replace(REACHED, counts=ReplayCounts(events=7))
