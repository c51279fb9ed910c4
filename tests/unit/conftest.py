"""Units: a test here that opens a connection, starts a process or opens a database fails, and says where it belongs."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings

# A C library that does it by itself (libpq) is not seen: our tests come to it through fixtures that are.
NOT_OF_A_UNIT = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "socket.bind",
        "socket.connect",
        "sqlite3.connect",
        "subprocess.Popen",
    }
)


# What is small shows in few examples, and each run has others; where many are needed is tests/fuzz.
settings.register_profile(
    "unit", max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")


class Guard:
    """Listens to what the interpreter does, for as long as a test of a unit runs."""

    is_on = False

    def heard(self, event: str, _arguments: tuple[object, ...]) -> None:
        """An audit hook (PEP 578): what it raises comes out of the call that it is about."""
        if event in NOT_OF_A_UNIT and self.is_on:
            raise AssertionError(f"{event} in a test of a unit: it belongs to tests/integration")


GUARD = Guard()
sys.addaudithook(GUARD.heard)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    GUARD.is_on = True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """What ends after a test may be a server that tests of other kinds shared."""
    GUARD.is_on = False
