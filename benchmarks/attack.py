"""One connection of a stranger, in a process of its own (`python -m benchmarks.attack NAME PORT SECONDS`).

It sends as fast as `BYTES_PER_SECOND` allows, opens another connection when the gateway has closed, and writes an
`Attacked` as JSON. `busy` sends nothing and is as busy as the share of a core that is given for the port: what a
process beside the gateway costs that the gateway has no part in.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass

from benchmarks.processes import ROOT, Children

# A line of 80 Mbit/s. What a machine's own loopback gives would measure the attacker, who shares its cores.
BYTES_PER_SECOND = 10_000_000
PIECE_BYTES = 64 * 1024
BODY_BYTES = 1_000_000
BUSY = "busy"
TURN_SECONDS = 0.005

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


@dataclass(frozen=True, slots=True)
class Attacked:
    """What an attack came to: bytes, connections, and the sender's own share of a core."""

    sent_bytes: int
    connections: int
    cpu_share: float


class AttackRun:
    """An attack, or `busy`, under way in a process of its own; it starts at once and ends by itself."""

    def __init__(self, children: Children, name: str, port_or_share: float, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.attack", name, str(port_or_share), str(seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.callback(self.stop)

    def result(self) -> Attacked:
        """What it came to; waits for its end."""
        output, _ = self._process.communicate()
        return Attacked(**json.loads(output))

    def stop(self) -> None:
        """End the process if it still runs. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def attack(name: str, port: int, seconds: float) -> Attacked:
    """Send for so long."""
    data, sent, connections = memoryview(ATTACKS[name]()), 0, 0
    started_at, cpu = time.monotonic(), time.process_time()
    while time.monotonic() < started_at + seconds:
        connections += 1
        with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection, suppress(OSError):
            for start in range(0, len(data), PIECE_BYTES):
                sent += connection.send(data[start : start + PIECE_BYTES])
                ahead = sent / BYTES_PER_SECOND - (time.monotonic() - started_at)
                if ahead > 0:
                    time.sleep(ahead)
            connection.recv(PIECE_BYTES)
    return Attacked(sent, connections, (time.process_time() - cpu) / (time.monotonic() - started_at))


def busy(share: float, seconds: float) -> Attacked:
    """Compute for so long, in short turns, with that share of a core."""
    started_at, cpu = time.monotonic(), time.process_time()
    while time.monotonic() < started_at + seconds:
        while time.process_time() - cpu < share * (time.monotonic() - started_at):
            sum(range(1000))
        time.sleep(TURN_SECONDS)
    return Attacked(0, 0, (time.process_time() - cpu) / (time.monotonic() - started_at))


def main(name: str, port_or_share: str, seconds: str) -> None:
    """Attack, or be busy; write what it came to."""
    if name == BUSY:
        done = busy(float(port_or_share), float(seconds))
    else:
        done = attack(name, int(port_or_share), float(seconds))
    json.dump(asdict(done), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
