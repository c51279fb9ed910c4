"""Each attack on one gateway, in the order of the table: what it hears, what it costs, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.target import Target, target
from tests.services.waiting import until

GROWTH = 1.2

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("attacked")) as one:
        yield one


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_keeps_its_bounds_and_nobody_honest_notices(attacked: Target, name: str) -> None:
    faults, _ = attacked.suffer(ATTACKS[name], Random(1))
    assert faults == []


def test_memory_is_given_back(attacked: Target) -> None:
    for name in ("heads that wait", "bodies that wait"):
        attacked.suffer(ATTACKS[name], Random(2))
    until(
        lambda: attacked.megabytes() < GROWTH * attacked.quiet_megabytes,
        lambda: f"{attacked.megabytes():.0f} MB, and {attacked.quiet_megabytes:.0f} before",
    )
