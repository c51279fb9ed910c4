"""Pushes whose processes are killed: nothing is lost, nothing is made twice (situation 39)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.integration.entities.killed_pushes import OPERATIONS, POINTS, edit, sides_of


def test_kills_at_each_point_lose_nothing_and_make_nothing_twice(database_url: str, tmp_path: Path) -> None:
    setting_up = sides_of(database_url, tmp_path, 0)
    for number in range(5, 10):
        # One of them leaves in each round that kills a deletion; others stay, or left before.
        setting_up.shared(f"c{number}", phone="x", leaves=number if number < 9 else None)
    setting_up.there.write()
    setting_up.installation.close()
    command = [sys.executable, "-m", "tests.integration.entities.killed_pushes", database_url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    rounds = done.stdout.splitlines()
    assert [one for one in rounds if one.endswith("killed")] == rounds, done.stderr[-2000:]
    assert len(rounds) == len(POINTS) * len(OPERATIONS)
    sides = sides_of(database_url, tmp_path, 100)
    edit(sides, 100)
    assert sides.push()["left"] == 0
    assert [(one.kind, one.fields) for one in sides.conflicts()] == []
    records = sides.there.records
    # One made in each round, and by the test; each exactly once.
    made = Counter(one["phone"] for one in records.values() if one["phone"].startswith("made"))
    assert made == Counter([f"made {number}" for number in (*range(9), 100)])
    assert {one["phone"] for one in records.values()} - set(made) <= {"round 100"}
    assert len(sides.live()) == len(records)
    for entity_id in sides.live():
        entity = sides.entity(entity_id)
        assert entity.base is None
        assert entity.attributes == sides.there.map(records[entity.integration_id or ""]).attributes
    # What may have been made was looked up before it was asked for again.
    keys = Counter(about.idempotency_key for called, about in sides.there.calls if called == "create")
    assert max(keys.values()) <= 2
    sides.installation.close()
