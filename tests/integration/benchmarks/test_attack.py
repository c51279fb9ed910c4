"""What is set beside a gateway that is measured: attacks at their rate, and a process as busy as it is told to be."""

from __future__ import annotations

import socket
import threading

import pytest

from benchmarks.attack import ATTACKS, BYTES_PER_SECOND, attack, busy


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_sends_at_its_rate_and_connects_again_when_it_is_cut_off(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_cut_off, args=(server,), daemon=True)
        thread.start()
        done = attack(name, server.getsockname()[1], 0.3)
    assert done.connections > 1
    assert 0 < done.sent_bytes < BYTES_PER_SECOND
    assert done.cpu_share <= 1


def _cut_off(server: socket.socket) -> None:
    """Take some of what comes over each connection, and close it."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)


def test_a_busy_process_takes_the_share_it_is_told() -> None:
    assert busy(0.0, 0.1).cpu_share < busy(0.5, 0.2).cpu_share < 0.8
