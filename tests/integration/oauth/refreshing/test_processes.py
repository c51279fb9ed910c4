"""Several processes at one token, and processes that die amid a refresh."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.clock import MICROSECONDS, SystemClock
from gateway.config import Settings
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.oauth.refreshing.errors import ConnectionNeedsReauth
from tests.integration.oauth.refreshing.conftest import World
from tests.services.oauth_entries import write_entries
from tests.services.oauth_provider import OAuthProvider

ROOT = Path(__file__).parents[4]


def start(
    settings: Settings, connection: str, *, threads: int = 1, now_us: int | None = None, point: str | None = None
) -> subprocess.Popen[str]:
    wishes = {
        "database_url": settings.database_url,
        "key_file": str(settings.encryption_key_file),
        "providers_dir": str(settings.providers_dir),
        "connection": connection,
        "threads": threads,
        "now_us": now_us,
        "point": point,
    }
    command = [sys.executable, "-m", "tests.integration.oauth.refreshing.process", json.dumps(wishes)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=30)
    found: list[str] = json.loads(out.splitlines()[-1])
    return found


def test_two_processes_of_many_threads_make_one_refresh(world_settings: Settings, oauth_server: OAuthProvider) -> None:
    clock = SystemClock()
    with Installation(world_settings, clock=clock) as installation:
        world = World(installation, oauth_server, clock)  # type: ignore[arg-type]
        found = world.connect()
        world.change(found, access_expires_at=clock.now_us() - MICROSECONDS)
        processes = [start(world_settings, found, threads=25) for _ in range(2)]
        with oauth_server.held() as held:
            for process in processes:
                go(process)
            held.await_arrival()
            held.release()
            values = [value for process in processes for value in said(process)]
        assert (len(values), set(values), world.refreshes()) == (50, {world.secrets(found)["access_token"]}, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("point", "asked", "interrupted", "after"),
    [
        ("before the intent", 0, False, "connected"),
        ("with the intent uncommitted", 0, False, "connected"),
        ("after the intent", 0, True, "connected"),
        ("with the answer", 1, True, "needs_reauth"),
        ("with the answer uncommitted", 1, True, "needs_reauth"),
        ("after the commit", 1, False, "connected"),
    ],
)
def test_a_process_that_dies_leaves_nothing_hidden(
    world: World, point: str, asked: int, interrupted: bool, after: str
) -> None:
    """The provider takes a refresh token once, and ends everything when it sees it again."""
    found = world.connect()
    world.expire()
    died = start(world.installation.settings, found, now_us=world.clock.now_us(), point=point)
    go(died)
    assert died.wait(30) == -signal.SIGKILL
    died.communicate()
    row = world.row(found)
    assert (world.refreshes(), row.intent_at is not None, row.lease_token is not None) == (
        asked,
        interrupted,
        interrupted,
    )
    world.clock.advance(31)
    assert states_meanwhile(world, found) == ("refresh_uncertain" if interrupted else "connected")
    assert world.row(found).state == after
    if after == "needs_reauth":
        assert world.row(found).reason == "refresh_answer_lost"
        with pytest.raises(ConnectionNeedsReauth):
            world.flight().token(found)
        assert world.told() == ["needs_reauth"]
    else:
        assert world.flight().token(found).value == world.secrets(found)["access_token"]
        assert world.told() == []


def states_meanwhile(world: World, connection_id: str) -> str:
    """The state that others see while somebody looks for a token."""

    def ask() -> None:
        with suppress(GatewayError):
            world.flight().token(connection_id)

    with ThreadPoolExecutor(1) as pool, world.provider.held() as held:
        asked = pool.submit(ask)
        asked.add_done_callback(lambda _: held.arrived.set())
        held.await_arrival()
        found = world.row(connection_id).state
        held.release()
        asked.result(30)
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_where_refresh_tokens_stay_a_lost_answer_is_no_matter(world: World, tmp_path: Path) -> None:
    write_entries(tmp_path / "providers", world.provider, refresh={"style": "static"})
    world.provider.rotates = False
    found = world.connect()
    world.expire()
    died = start(world.installation.settings, found, now_us=world.clock.now_us(), point="with the answer")
    go(died)
    assert died.wait(30) == -signal.SIGKILL
    died.communicate()
    world.clock.advance(31)
    assert world.flight().token(found).version == 2
    assert (world.row(found).state, world.refreshes(), world.told()) == ("connected", 2, [])
