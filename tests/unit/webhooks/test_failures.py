"""How much failing is borne: of whom, for how long, and with how little memory."""

from __future__ import annotations

import pytest

from gateway.clock import FakeClock, from_us
from gateway.providers import catalogue
from gateway.webhooks.receive.failures import (
    FAILURE_BYTES,
    PACED_BYTES_PER_SECOND,
    REMEMBERED,
    WINDOW_SECONDS,
    FailedVerifications,
    network_of,
)
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.rows import SourceView, judge_source


def source(slug: str = "mailgun", **options: str) -> SourceView:
    row = Source(
        id=f"src_{slug}", tenant_id="ten", slug=slug, provider="mailgun", scheme=None, options=options, allowed_ips=[]
    )
    row.updated_at, row.pending_handshake = from_us(0), False
    view = judge_source(row, [], None, catalogue()["mailgun"], now_us=0)
    assert isinstance(view, SourceView)
    return view


@pytest.mark.parametrize("per_minute", [1, 3, 20])
def test_so_many_in_a_minute_and_then_some_rest(per_minute: int) -> None:
    clock = FakeClock()
    failures, view = FailedVerifications(per_minute, clock), source()
    assert [failures.failed(view, "a", 0) for _ in range(per_minute)] == [None] * per_minute
    wait = failures.failed(view, "a", 0)
    assert wait is not None
    assert 1 <= wait <= WINDOW_SECONDS
    # Others, and the same elsewhere, are not meant.
    assert failures.failed(view, "b", 0) is None
    assert failures.failed(source("other"), "a", 0) is None
    # Failing on and on is forgiven as late as anything else.
    for _ in range(10 * per_minute):
        failures.failed(view, "a", 0)
    clock.advance(2 * WINDOW_SECONDS)
    assert failures.failed(view, "a", 0) is None


def test_who_fails_slowly_never_waits() -> None:
    clock = FakeClock()
    failures, view = FailedVerifications(60, clock), source()
    for _ in range(200):
        assert failures.failed(view, "a", 0) is None
        clock.advance(1.01)


def test_large_bodies_count_for_more() -> None:
    failures, view = FailedVerifications(60, FakeClock()), source()
    found = [failures.failed(view, "a", 16 * FAILURE_BYTES) for _ in range(5)]
    assert found[:4] == [None] * 4
    assert found[4] is not None


def test_another_secret_or_option_is_another_chance() -> None:
    failures, view = FailedVerifications(1, FakeClock()), source()
    assert [failures.failed(view, "a", 0) is None for _ in range(2)] == [True, False]
    # The same, loaded again.
    assert failures.failed(source(), "a", 0) is not None
    assert failures.failed(source(audience="right"), "a", 0) is None


def test_large_bodies_of_who_fails_are_paced() -> None:
    clock = FakeClock()
    failures, view, size = FailedVerifications(1, clock), source(), 2 * PACED_BYTES_PER_SECOND
    assert [failures.wait_seconds(view, "a", size) for _ in range(3)] == [None] * 3
    assert failures.failed(view, "a", 0) is None
    assert [failures.wait_seconds(view, "a", size) for _ in range(3)] == [None, 2, 2]
    # All who fail share it, and nobody else has a part in it.
    failures.failed(view, "b", 0)
    assert failures.wait_seconds(view, "b", size) == 2
    assert failures.wait_seconds(view, "c", size) is None
    assert failures.wait_seconds(source(audience="right"), "a", size) is None
    clock.advance(2.0)
    assert failures.wait_seconds(view, "b", size) is None


def test_memory_is_bounded() -> None:
    failures, view = FailedVerifications(1, FakeClock()), source()
    for number in range(REMEMBERED + 100):
        failures.failed(view, str(number), 0)
    assert len(failures._known) == REMEMBERED
    assert failures.failed(view, "0", 0) is None
    assert failures.failed(view, str(REMEMBERED + 99), 0) is not None


def test_none_is_a_number_of_any_size() -> None:
    failures, view = FailedVerifications(0, FakeClock()), source()
    assert {failures.failed(view, "a", 1_000_000) for _ in range(100)} == {None}
    assert failures.wait_seconds(view, "a", 1_000_000) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_whom_an_address_stands_for(address: str, network: str) -> None:
    assert network_of(address) == network
