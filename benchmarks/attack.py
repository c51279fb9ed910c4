"""One connection of a stranger, in a process of its own (`python -m benchmarks.attack NAME PORT SECONDS`).

It sends as fast as `BYTES_PER_SECOND` allows, opens another connection when the gateway has closed, and prints how much
it sent.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress

from benchmarks.processes import ROOT, Children

# A line of 80 Mbit/s. What a machine's own loopback gives would measure the attacker, who shares its cores.
BYTES_PER_SECOND = 10_000_000
PIECE_BYTES = 64 * 1024
BODY_BYTES = 1_000_000

_POST = b"POST %s HTTP/1.1\r\nHost: gateway\r\nContent-Type: %s\r\n"


def chunks() -> bytes:
    """A body in chunks of one byte."""
    return _POST % (b"/healthz", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400_000


def heads() -> bytes:
    """A head that does not end."""
    return _POST % (b"/webhooks/github", b"text/plain") + b"".join(b"X-%d: a\r\n" % number for number in range(400_000))


def bodies() -> bytes:
    """Bodies that have to be parsed before they can be verified: Mailgun's signature lies in them."""
    start = b'{"signature": {"timestamp": "1", "token": "t", "signature": "s"}, "event-data": ['
    body = start + b"[1]," * ((BODY_BYTES - len(start)) // 4 - 1) + b"1]}"
    return _POST % (b"/webhooks/mailgun", b"application/json") + b"Content-Length: %d\r\n\r\n" % len(body) + body


ATTACKS = {"chunks": chunks, "heads": heads, "bodies": bodies}


class AttackRun:
    """An attack under way in a process of its own; it starts at once and ends by itself."""

    def __init__(self, children: Children, name: str, port: int, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.attack", name, str(port), str(seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.callback(self.stop)

    def megabytes(self) -> float:
        """How much it sent; waits for its end."""
        output, _ = self._process.communicate()
        return float(json.loads(output)) / 1_000_000

    def stop(self) -> None:
        """End the process if it still runs. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def attack(name: str, port: int, seconds: float) -> int:
    """Send for so long; how many bytes went out."""
    data, sent = memoryview(ATTACKS[name]()), 0
    started_at = time.monotonic()
    while time.monotonic() < started_at + seconds:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection, suppress(OSError):
            for start in range(0, len(data), PIECE_BYTES):
                sent += connection.send(data[start : start + PIECE_BYTES])
                ahead = sent / BYTES_PER_SECOND - (time.monotonic() - started_at)
                if ahead > 0:
                    time.sleep(ahead)
            connection.recv(PIECE_BYTES)
    return sent


if __name__ == "__main__":
    print(attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
