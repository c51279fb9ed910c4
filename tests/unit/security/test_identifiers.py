"""Identifiers sort by time, never repeat, and survive clocks that go back."""

from __future__ import annotations

import itertools
import re
import time
from base64 import b32hexdecode
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import or_

from gateway.security.identifiers import LOW_BITS, new_id


def nanoseconds(identifier: str) -> int:
    return int.from_bytes(b32hexdecode(identifier.split("_")[1].upper() + "======")[:8], "big")


def test_the_form() -> None:
    assert re.fullmatch(r"evt_[0-9a-v]{26}", new_id("evt"))


def test_it_holds_the_wall_clock() -> None:
    before = time.time_ns()
    assert before <= nanoseconds(new_id("evt")) <= before + 60_000_000_000


def test_it_counts_up_when_the_clock_goes_back() -> None:
    identifiers = [new_id("evt"), *(new_id("evt", time_ns=lambda: 1000) for _ in range(3))]
    assert identifiers == sorted(set(identifiers))


def test_threads_never_get_the_same_instant() -> None:
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: [new_id("evt") for _ in range(2000)], range(8)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({nanoseconds(identifier) for batch in batches for identifier in batch}) == 16_000


def random_part(identifier: str) -> int:
    return int.from_bytes(b32hexdecode(identifier.split("_")[1].upper() + "======")[8:], "big")


def test_the_rest_is_random_and_drawn_anew_all_the_time() -> None:
    at = itertools.count(time.time_ns() + 60_000_000_000, 1 << LOW_BITS)
    parts = [random_part(new_id("evt", time_ns=lambda: next(at))) for _ in range(1000)]
    assert len(set(parts)) == 1000
    # Every bit takes part.
    seen_set, seen_clear = reduce(or_, parts), reduce(or_, (~part for part in parts))
    assert seen_set == 2**64 - 1
    assert seen_clear & (2**64 - 1) == 2**64 - 1
