"""Keeping the heap as small as what it holds. glibc only; elsewhere nothing happens.

By itself glibc keeps up to 64 MB of free memory at the end of its heap once large blocks were freed, and gives each
thread a heap of its own (https://man7.org/linux/man-pages/man3/mallopt.3.html): after a storm of large requests a
process would stay as large as it was at its height.
"""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3
_TRIM_THRESHOLD = -1
_ARENA_MAX = -8
# Larger blocks are the system's, and go back at once. glibc's first value; setting it keeps it from growing.
LARGE_BYTES = 128 * 1024
# Threads take turns at the interpreter lock anyway.
HEAPS = 2


def bound() -> None:
    """Keep this process's heaps few and short. Before its threads start."""
    libc = _libc()
    if libc is not None:
        for parameter, value in ((_MMAP_THRESHOLD, LARGE_BYTES), (_TRIM_THRESHOLD, LARGE_BYTES), (_ARENA_MAX, HEAPS)):
            libc.mallopt(parameter, value)


def give_back() -> None:
    """Give the system what is free, also in the middle of a heap. Takes milliseconds."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
