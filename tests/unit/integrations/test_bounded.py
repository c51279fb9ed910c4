"""Calls of a type's code that come back, break, or hang."""

from __future__ import annotations

import threading

import pytest

from gateway.clients.errors import Unavailable
from gateway.integrations.bounded import MOST_HUNG, Bounds, TypeBroken, TypeTooSlow
from tests.services.waiting import until

SHORT, LONG = 0.01, 20.0


def test_what_comes_back_is_returned_and_errors_of_ours_stay() -> None:
    bounds = Bounds()
    assert bounds.call("int_a", LONG, lambda: 7) == 7

    def away() -> None:
        raise Unavailable("it is away")

    with pytest.raises(Unavailable):
        bounds.call("int_a", LONG, away)


def test_what_no_type_may_raise_is_its_defect_and_is_not_shown() -> None:
    def broken() -> None:
        raise KeyError("a secret")

    with pytest.raises(TypeBroken, match="broke with KeyError") as raised:
        Bounds().call("int_a", LONG, broken)
    assert "a secret" not in str(raised.value)


def test_one_that_hangs_is_asked_no_more_until_it_comes_back_and_others_are() -> None:
    bounds, ending = Bounds(), threading.Event()
    for _ in range(MOST_HUNG):
        with pytest.raises(TypeTooSlow, match="no answer within"):
            bounds.call("int_a", SHORT, lambda: ending.wait(LONG))
    with pytest.raises(TypeTooSlow, match="nothing more is asked"):
        bounds.call("int_a", LONG, lambda: 7)
    assert bounds.call("int_b", LONG, lambda: 7) == 7
    ending.set()

    def is_asked_again() -> bool:
        try:
            return bounds.call("int_a", LONG, lambda: 7) == 7
        except TypeTooSlow:
            return False

    until(is_asked_again, lambda: "it is still not asked")
