"""A short run of the crash matrix: 6 kinds of kills in three cells. `scripts/crash` makes longer ones, in all cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.field import Cell
from tests.crash.points import POINTS
from tests.crash.round import Round
from tests.services.brokers import PrivateBroker
from tests.services.markdown import codes, read, rows
from tests.services.postgres import PrivatePostgres

SEED = 1
KILLS = 6
CELLS = (
    pytest.param(Cell("embedded", "sqlite"), id="embedded-sqlite"),
    pytest.param(Cell("embedded", "postgres"), id="embedded-postgres", marks=pytest.mark.postgres),
    pytest.param(Cell("celery", "postgres", "rabbitmq"), id="celery-postgres-rabbitmq", marks=pytest.mark.postgres),
)

pytestmark = pytest.mark.faults


@pytest.fixture
def postgres(request: pytest.FixtureRequest, cell: Cell) -> PrivatePostgres | None:
    """The server of the cell, which is killed too."""
    return request.getfixturevalue("private_postgres") if cell.database == "postgres" else None


@pytest.fixture
def broker(request: pytest.FixtureRequest, cell: Cell) -> PrivateBroker | None:
    """The same of the broker."""
    return None if cell.broker is None else request.getfixturevalue(f"private_{cell.broker}")


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_lost_whatever_dies(
    cell: Cell, postgres: PrivatePostgres | None, broker: PrivateBroker | None, tmp_path: Path
) -> None:
    told: list[str] = []
    round_ = Round(cell, KILLS, SEED, tmp_path / "round", postgres, broker)
    count = round_.run(told.append)
    assert count.faults == [], "\n".join(told)
    # Each of them happened, and no two are the same: no point is one that nobody passes.
    assert len(set(round_.reached)) == KILLS
    assert count.acknowledged >= count.kills


def test_the_page_tells_of_every_point() -> None:
    told = {name for row in rows(read("docs/reference/crashes.md"), "Points") for name in codes(row[0])}
    assert told == {point.name for point in POINTS}
