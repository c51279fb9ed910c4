"""Tokens at hand: for a few seconds, by the steady clock, and never shown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gateway.oauth.refreshing.kept_tokens import LOOK_SECONDS, TRUST_SECONDS, AccessToken, KeptTokens
from tests.services.waiting import until

TOKEN = AccessToken(value="secret-1", expires_at_us=None, version=1)


def test_a_token_is_looked_after_every_few_seconds_and_not_used_at_its_end() -> None:
    kept = KeptTokens()
    kept.put("conn_1", TOKEN, 100.0, None)
    kept.put("conn_2", TOKEN, 100.0, 1.0)
    assert kept.get("conn_1", 100.0 + LOOK_SECONDS - 0.1) is TOKEN
    assert kept.get("conn_1", 100.0 + LOOK_SECONDS) is None
    assert kept.get("conn_2", 100.9) is TOKEN
    assert kept.get("conn_2", 101.0) is None
    kept.forget("conn_1")
    assert kept.get("conn_1", 100.0) is None


def test_there_are_so_many_and_the_oldest_goes() -> None:
    kept = KeptTokens(most=2)
    for name in ("a", "b", "a", "c"):
        kept.put(name, TOKEN, 0.0, None)
    assert [name for name in "abc" if kept.get(name, 0.0)] == ["a", "c"]


def test_tokens_that_were_got_for_a_refusal_are_trusted_for_a_while() -> None:
    kept = KeptTokens()
    kept.trust("conn_1", 2, 100.0)
    assert kept.is_trusted("conn_1", 2, 101.0)
    assert not kept.is_trusted("conn_1", 3, 101.0)
    assert not kept.is_trusted("conn_2", 2, 101.0)
    assert not kept.is_trusted("conn_1", 2, 100.0 + TRUST_SECONDS)


def test_turns_go_with_who_has_them() -> None:
    kept = KeptTokens()
    with kept.alone("conn_1"), kept.turn("conn_2") as is_mine:
        assert (len(kept._turns), is_mine) == (2, True)
    assert not kept._turns


def test_who_waits_for_a_turn_goes_on_when_it_is_over_whatever_came_of_it() -> None:
    kept = KeptTokens()
    begun = threading.Barrier(4)

    def wait() -> bool:
        begun.wait(20)
        with kept.turn("conn_1") as is_mine:
            return is_mine

    with ThreadPoolExecutor(3) as pool:
        with suppress(ValueError), kept.turn("conn_1"):
            waiting = [pool.submit(wait) for _ in range(3)]
            begun.wait(20)
            until(lambda: len(kept._turns["conn_1"]) == 3, "all wait")
            raise ValueError("on purpose")
        assert [one.result(20) for one in waiting] == [False] * 3
    assert not kept._turns


def test_nothing_shows_a_token() -> None:
    kept = KeptTokens()
    kept.put("conn_1", TOKEN, 0.0, None)
    assert "secret-1" not in f"{TOKEN!r} {kept!r} {kept._tokens!r}"
