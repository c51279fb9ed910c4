"""Wrong keys by address: how many are borne, and that remembering them has a bound."""

from __future__ import annotations

import pytest

from gateway.api import authentication
from gateway.api.authentication import WRONG_PER_MINUTE, WrongKeys
from gateway.clock import FakeClock


def test_so_many_a_minute_and_one_more_for_each_three_seconds() -> None:
    clock = FakeClock()
    wrong = WrongKeys(clock)
    for _ in range(WRONG_PER_MINUTE):
        assert wrong.wait_seconds("192.0.2.1") is None
        wrong.count("192.0.2.1")
    assert wrong.wait_seconds("192.0.2.1") == 3
    assert wrong.wait_seconds("192.0.2.2") is None
    clock.advance(3)
    assert wrong.wait_seconds("192.0.2.1") is None


def test_a_network_of_ipv6_is_one_address() -> None:
    wrong = WrongKeys(FakeClock())
    for host in range(WRONG_PER_MINUTE):
        wrong.count(f"2001:db8::{host:x}")
    assert wrong.wait_seconds("2001:db8::ffff") is not None
    assert wrong.wait_seconds("2001:db8:0:1::1") is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "REMEMBERED", 2)
    wrong = WrongKeys(FakeClock())
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        for _ in range(WRONG_PER_MINUTE):
            wrong.count(address)
    assert wrong.wait_seconds("192.0.2.1") is None
    assert wrong.wait_seconds("192.0.2.2") is not None
    assert wrong.wait_seconds("192.0.2.3") is not None
