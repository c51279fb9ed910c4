"""Tokens at hand: for a few seconds, by the steady clock, and never shown."""

from __future__ import annotations

from gateway.oauth.refreshing.kept_tokens import LOOK_SECONDS, TRUST_SECONDS, AccessToken, KeptTokens

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


def test_locks_go_with_who_holds_them() -> None:
    kept = KeptTokens()
    with kept.alone("conn_1"), kept.alone("conn_2"):
        assert len(kept._locks) == 2
    assert not kept._locks


def test_nothing_shows_a_token() -> None:
    kept = KeptTokens()
    kept.put("conn_1", TOKEN, 0.0, None)
    assert "secret-1" not in f"{TOKEN!r} {kept!r} {kept._tokens!r}"
