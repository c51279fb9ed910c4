"""A token that is good now, whoever asks, and whatever the provider does."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import FakeClock, to_us
from gateway.errors import StorageUnavailable
from gateway.oauth.connections.store import change_state
from gateway.oauth.models import Connection
from gateway.oauth.protocol.errors import ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.refreshing.errors import ConnectionNeedsReauth, ConnectionRevoked, RefreshHeldBack
from gateway.oauth.refreshing.token_source import ConnectionTokens
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import act
from tests.integration.oauth.refreshing.conftest import World
from tests.services.acting import TESTER
from tests.services.oauth_entries import write_entries
from tests.services.oauth_provider import TOKEN

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def style(world: World, tmp_path: Path, **refresh: Any) -> None:
    write_entries(tmp_path / "providers", world.provider, refresh=refresh)


def test_a_good_token_is_used_and_an_old_one_renewed(world: World) -> None:
    found = world.connect()
    flight = world.flight()
    first = flight.token(found)
    assert flight.token(found) is first
    world.clock.advance(3600 - 61)
    assert flight.token(found).value == first.value
    assert world.refreshes() == 0
    world.clock.advance(2)
    second = flight.token(found)
    assert (second.value != first.value, second.version, world.refreshes()) == (True, first.version + 1, 1)
    row = world.row(found)
    assert (row.state, row.lease_token, row.intent_at, row.failures) == ("connected", None, None, 0)
    assert row.access_expires_at == row.refreshed_at + timedelta(seconds=3600)
    assert world.secrets(found)["access_token"] == second.value
    assert world.told() == []


def test_fifty_threads_make_one_refresh(world: World) -> None:
    found = world.connect()
    world.expire()
    flight = world.flight()
    gate = threading.Barrier(50)

    def ask(_number: int) -> str:
        gate.wait(30)
        return flight.token(found).value

    with ThreadPoolExecutor(50) as pool:
        values = set(pool.map(ask, range(50)))
    assert (len(values), world.refreshes()) == (1, 1)


def test_who_comes_while_another_is_at_it_waits_and_gets_its_token(world: World) -> None:
    found = world.connect()
    world.expire()
    with world.another() as other, ThreadPoolExecutor(1) as pool:
        with world.provider.held() as held:
            winner = pool.submit(world.flight().token, found)
            held.await_arrival()
            waits = 0

            def pause(_seconds: float) -> None:
                nonlocal waits
                waits += 1
                held.release()
                winner.result(30)

            late = world.flight(other, pause=pause).token(found)
        assert late == winner.result()
    assert (waits, world.refreshes()) == (1, 1)


def test_a_late_writer_changes_nothing(world: World) -> None:
    """Its lease ended while the provider took its time, and another one has renewed since."""
    world.provider.rotates = False
    found = world.connect()
    world.expire()
    with world.another() as other, ThreadPoolExecutor(1) as pool:
        with world.provider.held(answers=True, most=1) as held:
            late = pool.submit(world.flight().token, found)
            held.await_arrival()
            world.clock.advance(31)
            second = world.flight(other).token(found)
        assert late.result(30) == second
    row = world.row(found)
    assert (row.version, row.state, row.lease_token, world.refreshes()) == (2, "connected", None, 2)
    assert world.secrets(found)["access_token"] == second.value


def test_what_comes_late_and_is_newest_is_kept(world: World) -> None:
    """Another took over, showed the token that was used up, and was refused: then the late answer is all there is."""
    found = world.connect()
    world.expire()
    with world.another() as other, ThreadPoolExecutor(1) as pool:
        with world.provider.held(answers=True, most=1) as held:
            late = pool.submit(world.flight().token, found)
            held.await_arrival()
            world.clock.advance(31)
            world.provider.answer_next(TOKEN, 400, {"error": "invalid_grant"})
            with pytest.raises(ConnectionNeedsReauth):
                world.flight(other).token(found)
            assert world.row(found).state == "needs_reauth"
        newest = late.result(30).value
    assert (world.row(found).state, world.secrets(found)["access_token"]) == ("connected", newest)
    assert world.told() == ["needs_reauth", "recovered"]


def test_a_refusal_means_connecting_again_and_is_told_once(world: World) -> None:
    found = world.connect()
    world.expire()
    world.provider.refuses_refresh = True
    flight = world.flight()
    for _ in range(3):
        with pytest.raises(ConnectionNeedsReauth) as raised:
            flight.token(found)
        assert raised.value.reason == "invalid_grant"
    row = world.row(found)
    assert (row.state, row.reason, row.refresh_at, world.refreshes()) == ("needs_reauth", "invalid_grant", None, 1)
    assert world.told() == ["needs_reauth"]
    # A person may have it tried again.
    world.provider.refuses_refresh = False
    flight.refresh(found, by_hand=True)
    assert (world.row(found).state, world.told()) == ("connected", ["needs_reauth", "recovered"])


def test_a_refusal_of_what_another_one_has_renewed_meanwhile_is_none(world: World) -> None:
    found = world.connect()
    world.expire()
    with ThreadPoolExecutor(1) as pool, world.provider.held() as held:
        asked = pool.submit(world.flight().token, found)
        held.await_arrival()
        # As a process does whose lease this was before.
        with act(world.installation, actor=TESTER, write=True) as acting:
            row = acting.session.get(Connection, found)
            assert row is not None
            row.version += 1
            row.access_expires_at = acting.now + timedelta(hours=1)
            row.lease_token = row.lease_expires_at = row.intent_at = None
        world.provider.refuses_refresh = True
        held.release()
        assert asked.result(30).version == 2
    assert (world.row(found).state, world.told()) == ("connected", [])


def test_a_provider_that_is_away_for_an_hour_keeps_its_connections(world: World) -> None:
    found = world.connect()
    world.expire()
    world.provider.fail(503)
    flight = world.flight()
    with pytest.raises(RefreshHeldBack):
        flight.token(found)
    asked = len(world.provider.heard)
    with pytest.raises(RefreshHeldBack) as raised:
        flight.token(found)
    assert (len(world.provider.heard), asked) == (1, 1)
    assert 1 <= raised.value.retry_after_seconds <= 6
    for _ in range(40):
        world.clock.advance(90)
        with pytest.raises((RefreshHeldBack, ProviderUnavailable)):
            flight.token(found)
    assert world.row(found).state == "refresh_uncertain"
    world.provider.fail(None)
    world.clock.advance(30)
    flight.token(found)
    row = world.row(found)
    assert (row.state, row.failures, row.reason, world.told()) == ("connected", 0, None, [])


def test_a_token_that_is_still_good_is_used_while_the_provider_is_away(world: World) -> None:
    found = world.connect()
    flight = world.flight()
    first = flight.token(found).value
    world.clock.advance(3600 - 30)
    world.provider.fail(0)
    assert flight.token(found).value == first
    assert world.row(found).failures == 1
    world.clock.advance(26)
    with pytest.raises(RefreshHeldBack):
        flight.token(found)


def test_an_answer_without_a_refresh_token_keeps_the_one_before(world: World) -> None:
    world.provider.rotates = False
    found = world.connect()
    kept = world.secrets(found)["refresh_token"]
    for count in (1, 2):
        world.expire()
        world.flight().token(found)
        assert (world.secrets(found)["refresh_token"], world.refreshes()) == (kept, count)


def test_a_fresh_token_that_is_refused_is_renewed_once_and_no_more(world: World) -> None:
    found = world.connect()
    flight = world.flight()
    first = flight.token(found).value
    second = flight.token(found, refused=first).value
    assert (second != first, world.refreshes()) == (True, 1)
    # Others who were refused with the first get the second.
    assert flight.token(found, refused=first).value == second
    for _ in range(5):
        assert flight.token(found, refused=second).value == second
        world.clock.advance(6)
    assert world.refreshes() == 1
    world.clock.advance(300)
    assert flight.token(found, refused=second).value != second


def test_a_client_is_told_whether_another_try_is_worth_it(world: World) -> None:
    found = world.connect()
    tokens = ConnectionTokens(world.installation, found)
    first = tokens.token()
    assert tokens.renew(first)
    second = tokens.token()
    assert not tokens.renew(second)
    assert tokens.identity() == found
    assert second not in repr(tokens)


def test_who_revokes_during_a_refresh_wins(world: World) -> None:
    found = world.connect()
    world.expire()
    with ThreadPoolExecutor(1) as pool, world.provider.held(answers=True) as held:
        asked = pool.submit(world.flight().token, found)
        held.await_arrival()
        with act(world.installation, actor=TESTER, write=True) as acting:
            row = acting.session.get(Connection, found)
            assert row is not None
            wanted = ConnectionState.REVOKED
            change_state(acting.session, acting.installation, row, wanted, reason="x", detail=None, now=acting.now)
        held.release()
        with pytest.raises(ConnectionRevoked):
            asked.result(30)
    assert (world.row(found).state, world.row(found).version) == ("revoked", 1)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>maintenance</html>"), (200, {"token_type": "Bearer"}), (200, {"access_token": 7})],
)
def test_an_answer_that_is_none_makes_a_rotating_connection_uncertain(world: World, status: int, body: Any) -> None:
    found = world.connect()
    world.expire()
    world.provider.answer_next(TOKEN, status, body)
    flight = world.flight()
    with pytest.raises(RefreshHeldBack):
        flight.token(found)
    assert (world.row(found).state, world.row(found).reason) == ("refresh_uncertain", "refresh_answer_lost")
    world.clock.advance(31)
    flight.token(found)
    assert (world.row(found).state, world.told()) == ("connected", [])


def test_an_app_that_is_refused_is_no_matter_of_the_customer(world: World) -> None:
    found = world.connect()
    world.expire()
    world.provider.client_secret = "another"
    with pytest.raises(RefreshHeldBack):
        world.flight().token(found)
    assert (world.row(found).state, world.row(found).reason) == ("connected", "app_refused")
    with pytest.raises(ProviderRefused):
        world.flight().refresh(found, by_hand=True)
    assert world.told() == []


def test_what_nothing_renews_ends(world: World, tmp_path: Path) -> None:
    style(world, tmp_path, style="none")
    world.provider.gives_refresh_tokens = False
    found = world.connect()
    flight = world.flight()
    first = flight.token(found)
    assert flight.token(found, refused=first.value) == first
    world.expire()
    with pytest.raises(ConnectionNeedsReauth):
        flight.token(found)
    assert (world.row(found).reason, world.told(), world.refreshes()) == ("expired", ["needs_reauth"], 0)


@pytest.mark.parametrize("off_seconds", [-120, 120])
def test_clocks_that_are_set_take_no_lease_from_who_holds_it(world: World, off_seconds: float) -> None:
    found = world.connect()
    flight = world.flight()
    flight.token(found)
    world.clock.jump(off_seconds)
    # The token that is at hand goes by the steady clock.
    assert flight.token(found).version == 1
    world.clock.advance(3720)
    assert flight.token(found).version == 2
    assert world.row(found).state == "connected"


def test_a_lease_of_a_clock_that_was_ahead_holds_up_nobody(world: World) -> None:
    found = world.connect()
    world.expire()
    ahead = world.clock.now_us() + 7200 * 1_000_000
    world.change(found, lease_token="lse_old", lease_expires_at=ahead)
    assert world.flight().token(found).version == 2


def test_a_provider_by_a_clock_of_its_own_is_believed_by_what_it_refuses(world: World) -> None:
    """Its tokens end two minutes before we think: a refusal leads to a new one."""
    behind = FakeClock()
    behind._now_us = world.clock.now_us() + 120 * 1_000_000
    found = world.connect()
    flight = world.flight()
    first = flight.token(found).value
    world.clock.advance(3600 - 100)
    assert flight.token(found).value == first
    assert flight.token(found, refused=first).value != first
    assert to_us(world.row(found).access_expires_at) == world.clock.now_us() + 3600 * 1_000_000  # type: ignore[arg-type]


def test_errors_show_no_token(world: World, caplog: pytest.LogCaptureFixture) -> None:
    found = world.connect()
    secrets = world.secrets(found).values()
    world.expire()
    world.provider.answer_next(TOKEN, 400, {"error": "odd", "error_description": f"no: {' '.join(secrets)}"})
    with pytest.raises(ProviderError) as raised:
        world.flight().refresh(found, by_hand=True)
    said = f"{raised.value!r} {raised.value} {world.row(found).detail} {caplog.text}"
    assert not [one for one in secrets if one in said]


def away(world: World, *, back: bool = False) -> None:
    """The database has no connections, as when it is restored or moved."""
    path = world.installation.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute(
            f"ALTER TABLE {'gone' if back else 'connections'} RENAME TO {'connections' if back else 'gone'}"
        )
        database.commit()


def test_an_answer_is_held_while_the_database_is_away(world: World) -> None:
    found = world.connect()
    world.expire()
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        world.clock.advance(seconds)
        if len(waits) == 3:
            away(world, back=True)

    with ThreadPoolExecutor(1) as pool, world.provider.held(answers=True) as held:
        asked = pool.submit(world.flight(pause=pause).token, found)
        held.await_arrival()
        away(world)
        held.release()
        assert asked.result(30).version == 2
    assert (len(waits), world.refreshes(), world.row(found).state) == (3, 1, "connected")


def test_an_answer_that_cannot_be_stored_before_its_lease_ends_is_lost_in_sight(world: World) -> None:
    found = world.connect()
    world.expire()
    with ThreadPoolExecutor(1) as pool, world.provider.held(answers=True, most=1) as held:
        asked = pool.submit(world.flight().token, found)
        held.await_arrival()
        away(world)
        held.release()
        with pytest.raises(StorageUnavailable):
            asked.result(30)
        away(world, back=True)
    assert world.row(found).intent_at is not None
    with pytest.raises(ConnectionNeedsReauth):
        world.flight().token(found)
    assert (world.row(found).reason, world.told()) == ("refresh_answer_lost", ["needs_reauth"])
