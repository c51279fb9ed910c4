"""Identifiers of a process and of its forked child."""

from __future__ import annotations

import subprocess
import sys
from base64 import b32hexdecode


def nanoseconds(identifier: str) -> int:
    return int.from_bytes(b32hexdecode(identifier.split("_")[1].upper() + "======")[:8], "big")


def random_part(identifier: str) -> int:
    return int.from_bytes(b32hexdecode(identifier.split("_")[1].upper() + "======")[8:], "big")


FORKING = """
import os
from gateway.security.identifiers import new_id

at = 1 << 62
new_id("evt", time_ns=lambda: at)
child = os.fork()
# One write each, so that the two lines do not mix.
os.write(1, new_id("evt", time_ns=lambda: at).encode() + b"\\n")
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_has_a_random_part_of_its_own() -> None:
    shown = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    first, second = shown.stdout.split()
    assert nanoseconds(first) == nanoseconds(second)
    assert random_part(first) != random_part(second)
