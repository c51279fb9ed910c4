"""What a refresh goes by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import AddressForbidden
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused, ProviderUnavailable
from gateway.oauth.refreshing.decisions import (
    LEASE_SECONDS,
    REFUSALS,
    RETRY_SECONDS,
    Renewal,
    Seen,
    Step,
    Storing,
    Verdict,
    good_until,
    is_held,
    loses_answers,
    next_step,
    renewal,
    retry_seconds,
    storing,
    verdict,
)
from gateway.oauth.states import ConnectionState
from gateway.providers.oauth.model import Refresh

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BY_TOKEN = Renewal.REFRESH_TOKEN


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def seen(ends_in: float | None = 3000.0, **changes: Any) -> Seen:
    found = Seen(
        version=3,
        state=ConnectionState.CONNECTED,
        got_at=after(-600),
        access_expires_at=None if ends_in is None else after(ends_in),
        refresh_at=after(2000),
        scheduled_at=after(-600),
        lease_token=None,
        lease_expires_at=None,
        intent_at=None,
        failures=0,
    )
    return replace(found, **changes)


HELD = {"lease_token": "lse_1", "lease_expires_at": after(20)}
FAILED = {"failures": 3, "refresh_at": after(100), "scheduled_at": after(-10)}


@pytest.mark.parametrize(
    ("row", "must_renew", "step"),
    [
        (seen(), False, Step.USE),
        (seen(None), False, Step.USE),
        (seen(), True, Step.RENEW),
        (seen(59), False, Step.RENEW),
        (seen(-1), False, Step.RENEW),
        (seen(-1, **HELD), False, Step.WAIT),
        (seen(59, **HELD), False, Step.USE),
        (seen(59, **HELD), True, Step.WAIT),
        (seen(4, **HELD), False, Step.WAIT),
        (seen(-1, **FAILED), False, Step.HOLD_BACK),
        (seen(59, **FAILED), False, Step.USE),
        (seen(59, **FAILED), True, Step.HOLD_BACK),
        (seen(-1, **{**FAILED, "scheduled_at": after(-31)}), False, Step.RENEW),
        (seen(-1, state=ConnectionState.REFRESH_UNCERTAIN), False, Step.RENEW),
        (seen(state=ConnectionState.NEEDS_REAUTH), False, Step.RECONNECT),
        (seen(state=ConnectionState.REVOKED), True, Step.REVOKED),
    ],
)
def test_what_follows_for_who_needs_a_token(row: Seen, must_renew: bool, step: Step) -> None:
    assert next_step(row, NOW, BY_TOKEN, must_renew=must_renew) is step


def test_what_nothing_renews_is_used_to_its_end() -> None:
    assert next_step(seen(30), NOW, Renewal.NONE, must_renew=True) is Step.USE
    assert next_step(seen(-1), NOW, Renewal.NONE, must_renew=False) is Step.RENEW


def test_a_short_token_is_used_for_half_of_its_life() -> None:
    assert good_until(seen(30, got_at=after(-10))) == after(10)
    assert good_until(seen(3000)) == after(2940)
    # A provider whose clock is behind ours gives what has ended.
    assert good_until(seen(-5, got_at=NOW)) == after(-5)


def test_a_lease_holds_to_its_end_and_none_that_a_clock_ahead_has_left() -> None:
    assert is_held(seen(lease_token="lse", lease_expires_at=after(1)), NOW)
    assert not is_held(seen(lease_token="lse", lease_expires_at=NOW), NOW)
    assert not is_held(seen(lease_token="lse", lease_expires_at=after(LEASE_SECONDS + 120)), NOW)
    assert not is_held(seen(), NOW)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (seen(lease_token="mine"), Storing.STORE),
        (seen(lease_token="other"), Storing.WAIT),
        (seen(), Storing.STORE),
        (seen(lease_token="mine", version=4), Storing.DROP),
        (seen(lease_token="mine", state=ConnectionState.REVOKED), Storing.DROP),
        (seen(state=ConnectionState.NEEDS_REAUTH), Storing.STORE),
    ],
)
def test_what_is_newer_is_never_written_over(row: Seen, found: Storing) -> None:
    assert storing(row, "mine", 3) is found


UNSENT = ProviderUnavailable("refused", was_sent=False)
CUT = ProviderUnavailable("cut off")


@pytest.mark.parametrize(
    ("error", "loses", "found"),
    [
        (ProviderRefused("invalid_grant"), True, Verdict.BROKEN),
        (ProviderRefused("INVALID_GRANT"), True, Verdict.BROKEN),
        (ProviderRefused("bad_refresh_token"), False, Verdict.BROKEN),
        (ProviderRefused("invalid_client"), True, Verdict.MISCONFIGURED),
        (ProviderRefused("temporarily_unavailable"), True, Verdict.LATER),
        (ProviderRefused("odd"), True, Verdict.LATER),
        (UNSENT, True, Verdict.LATER),
        (CUT, True, Verdict.UNCERTAIN),
        (CUT, False, Verdict.LATER),
        (ProviderAnswerInvalid("html"), True, Verdict.UNCERTAIN),
        (ProviderAnswerInvalid("html"), False, Verdict.LATER),
        (AddressForbidden("private"), True, Verdict.LATER),
    ],
)
def test_what_an_error_says_of_a_connection(error: Any, loses: bool, found: Verdict) -> None:
    assert verdict(error, failures=0, loses=loses) is found


def test_a_refusal_that_is_not_known_counts_when_it_comes_again_and_again() -> None:
    odd = ProviderRefused("odd")
    assert verdict(odd, failures=REFUSALS - 2, loses=False) is Verdict.LATER
    assert verdict(odd, failures=REFUSALS - 1, loses=False) is Verdict.BROKEN
    passing = ProviderRefused("slow_down")
    assert verdict(passing, failures=50, loses=False) is Verdict.LATER


def test_back_off_grows_to_a_quarter_of_an_hour_and_spreads() -> None:
    assert [retry_seconds(count, lambda: 0.5) for count in range(1, 9)] == [*RETRY_SECONDS, 900.0, 900.0]
    assert (retry_seconds(1, lambda: 0.0), retry_seconds(1, lambda: 0.75)) == (4.0, 5.5)
    assert retry_seconds(1, lambda: 0.0, asked_seconds=60) == 60.0
    assert retry_seconds(1, lambda: 0.0, asked_seconds=1e9) == 3600.0


@pytest.mark.parametrize(
    ("way", "style", "fields", "found"),
    [
        ("authorization_code", "rotating", {"refresh_token"}, Renewal.REFRESH_TOKEN),
        ("device_code", "unknown", {"refresh_token"}, Renewal.REFRESH_TOKEN),
        ("authorization_code", "rotating", {"access_token"}, Renewal.NONE),
        ("authorization_code", "none", {"refresh_token"}, Renewal.NONE),
        ("authorization_code", "exchange", {"access_token"}, Renewal.EXCHANGE),
        ("client_credentials", "none", set(), Renewal.CLIENT_CREDENTIALS),
        ("jwt_bearer", "none", set(), Renewal.ASSERTION),
        ("api_key", "rotating", {"key"}, Renewal.NONE),
        ("oauth1", "none", {"access_token"}, Renewal.NONE),
    ],
)
def test_how_a_connection_is_renewed(way: str, style: str, fields: set[str], found: Renewal) -> None:
    assert renewal(way, Refresh(style=style), fields) is found


def test_what_the_catalogue_has_no_more_is_not_known() -> None:
    assert renewal("authorization_code", None, {"refresh_token"}) is Renewal.UNKNOWN
    assert not loses_answers(Renewal.UNKNOWN, None)


@pytest.mark.parametrize(
    ("style", "loses"), [("rotating", True), ("unknown", True), ("static", False), ("none", False)]
)
def test_what_is_lost_with_an_answer(style: str, loses: bool) -> None:
    way = renewal("authorization_code", Refresh(style=style), {"refresh_token"})
    assert loses_answers(way, Refresh(style=style)) is loses
