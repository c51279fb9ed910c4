"""What the doctor says of connections."""

from __future__ import annotations

import pytest

from gateway.doctor.check import Level
from gateway.doctor.connections import NAMED, connections
from tests.integration.oauth.refreshing.conftest import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def said(world: World) -> list[tuple[Level, str]]:
    return [(one.level, one.detail) for one in connections(world.installation)]


def test_those_that_work_are_counted(world: World) -> None:
    assert said(world) == [(Level.OK, "none")]
    world.connect()
    assert said(world) == [(Level.OK, "1, none that is known to be broken")]


def test_those_that_do_not_are_named(world: World) -> None:
    broken, uncertain = world.connect(reference="a"), world.connect(reference="b")
    world.change(broken, state="needs_reauth", reason="expired", refresh_at=None)
    world.change(uncertain, state="refresh_uncertain", reason="odd")
    assert said(world) == [
        (
            Level.WARN,
            f"{broken} at plain-provider is needs_reauth: the access token has ended, and there is nothing to renew "
            "it with",
        ),
        (Level.WARN, f"{uncertain} at plain-provider is refresh_uncertain: odd"),
    ]
    for number in range(NAMED):
        world.change(world.connect(reference=str(number)), state="needs_reauth", refresh_at=None)
    assert said(world)[-1][1] == "2 more need their customers, or are uncertain"


def test_those_that_nobody_keeps_alive_are_counted(world: World) -> None:
    world.connect()
    world.clock.advance(3600)
    [(level, detail)] = said(world)
    assert (level, detail[:8]) == (Level.WARN, "1 are du")
