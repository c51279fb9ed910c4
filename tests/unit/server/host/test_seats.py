"""Seats: how many connections each process holds, known to all."""

from __future__ import annotations

from gateway.server.host.seats import Seats


def test_seats_are_taken_once_and_free_again() -> None:
    seats = Seats()
    first, second = seats.take(), seats.take()
    assert None not in (first, second)
    assert first != second
    seats.leave(first)
    assert seats.take() == first


def test_more_processes_than_seats_go_uncounted() -> None:
    seats = Seats()
    assert None not in [seats.take() for _ in range(Seats.MOST)]
    assert seats.take() is None
    assert not seats.has_more_than_others(None)


def test_who_has_more_than_others() -> None:
    seats = Seats()
    first, second = seats.take(), seats.take()
    assert first is not None
    assert second is not None
    seats.set(first, 1)
    assert seats.has_more_than_others(first)
    assert not seats.has_more_than_others(second)
    seats.set(second, 1)
    assert not seats.has_more_than_others(first)
    seats.set(first, 2)
    # Who is leaving is nobody to wait for, and its seat is not free yet.
    seats.retire(second)
    assert not seats.has_more_than_others(first)
    assert seats.take() not in {first, second}
