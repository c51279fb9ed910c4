"""What is no test of a unit is seen by the guard of this folder."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys

import pytest

from tests.services.for_each import for_each


def _listen() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def _connect() -> None:
    with socket.socket() as one:
        one.connect(("127.0.0.1", 9))


def _run() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _open_a_database() -> None:
    sqlite3.connect(":memory:").close()


@for_each([_listen, _connect, _run, _fork, _open_a_database], lambda act: act.__name__)
def test_a_test_of_a_unit_does_none_of_these(act) -> None:
    with pytest.raises(AssertionError, match="belongs to tests/integration"):
        act()
