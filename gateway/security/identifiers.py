"""Identifiers: `evt_…`, `dlv_…` and the like, which sort by the time they were made.

A prefix, `_`, and 26 characters of lower-case base32hex (RFC 4648, section 7, without padding) over 16 bytes: the
wall clock in nanoseconds, big-endian, then random. Base32hex keeps the order of the bytes. Identifiers are unique, not
secret: within a process by the clock, which is never read twice, between processes by the random part. So that part is
drawn anew with every 17 ms only, and in a forked child; Python's own generator does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import getrandbits

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
RANDOM_BITS = 64
# The clock's last bits, which differ from one identifier to the next; those before them and the random part are
# written once for many. On a path that every event takes, that is three times as fast as writing all of it.
LOW_BITS = 24

_PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)

_lock = threading.Lock()
_last_ns = 0
# The clock's first bits, what they are written as, and the random part: its first bit, and the rest as it is written.
_high = -1
_head = ""
_first_bit = 0
_tail = ""


def new_id(prefix: str, *, time_ns: Callable[[], int] = time.time_ns) -> str:
    """A new identifier, greater than every other one this process made before it.

    `time_ns` is the wall clock in nanoseconds since the epoch. When it stands still or goes back, identifiers keep
    counting up from the last one. Safe to call from any thread; about a microsecond.
    """
    global _last_ns
    now_ns = time_ns()
    with _lock:
        if now_ns <= _last_ns:
            now_ns = _last_ns + 1
        _last_ns = now_ns
        if now_ns >> LOW_BITS != _high:
            _renew(now_ns >> LOW_BITS)
        head, first_bit, tail = _head, _first_bit, _tail
    low = (now_ns & 0xFF_FFFF) << 1 | first_bit
    return f"{prefix}_{head}{_PAIRS[low >> 15]}{_PAIRS[low >> 5 & 1023]}{ALPHABET[low & 31]}{tail}"


def _renew(high: int) -> None:
    """Write what stays for all identifiers whose clock begins with `high`."""
    global _high, _head, _first_bit, _tail
    random = getrandbits(RANDOM_BITS)
    _high, _head = high, _digits(high, 40)
    # 63 random bits and 2 of padding.
    _first_bit, _tail = random >> 63, _digits((random & 0x7FFF_FFFF_FFFF_FFFF) << 2, 65)


def _digits(number: int, bits: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(bits - 5, -1, -5))


def _forget() -> None:
    """In a forked child: its parent goes on with the random part that it has, and perhaps with the lock held."""
    global _lock, _high
    _lock = threading.Lock()
    _high = -1


os.register_at_fork(after_in_child=_forget)


def earliest_id(prefix: str, at_us: int) -> str:
    """The identifier that sorts before every one made at `at_us` microseconds since the epoch or later.

    For walking a table by time through its primary key. Identifiers follow the clock of the process that made them,
    so leave a margin where the moment matters.
    """
    number = max(0, at_us) * 1000 << 66
    return f"{prefix}_{_digits(number, 130)}"


def time_of(identifier: str) -> datetime:
    """When an identifier was made, by the clock of its process: aware UTC."""
    digits = identifier.rpartition("_")[2]
    number = 0
    for digit in digits[:13]:
        number = number << 5 | ALPHABET.index(digit)
    # 65 bits: the clock's 64, and one of the random part.
    return datetime.fromtimestamp((number >> 1) / 1e9, UTC)
