"""Counting what other keys than the first one are needed for. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from gateway.key_rotation import walking
from gateway.key_rotation.places import PLACES, Place
from gateway.key_rotation.resealing import Resealer
from gateway.key_rotation.tally import Tally

Reading = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that only reads."""


def count_old(begin: Reading, resealer: Resealer) -> Iterator[Tally]:
    """What is sealed with other keys than the first one; in short transactions. After each comes what is counted so
    far, the last value is the whole. Raises `StorageUnavailable`.
    """
    tally = Tally()
    for place in PLACES:
        after: walking.Key | None = None
        while True:
            with begin() as connection:
                within = walking.next_range(connection, place, after)
                _count(connection, place, resealer, within, tally)
            yield tally
            if within.upto is None:
                break
            after = within.upto
    yield tally


def _count(connection: Connection, place: Place, resealer: Resealer, within: walking.Range, tally: Tally) -> None:
    for chunk in list(walking.chunks(connection, place, resealer.keyring, within)):
        for row in walking.read(connection, place, resealer.keyring, chunk):
            resealer.changes(place, row, tally)
