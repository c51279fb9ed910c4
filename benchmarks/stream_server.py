"""A system that streams for the clients' benchmarks (`python -m benchmarks.stream_server PORT`), and cuts connections.

`/?name=…&total=…&rate=…&cuts=…` streams messages numbered from 1 to `total`, `rate` of them a second from the first
connection on. A connection begins by saying after which number it goes on; it is cut, without a goodbye and with what
is on its way, `cuts` times in all, at equal distances.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TICK_SECONDS = 0.005


class Streams:
    """Where each stream stands, by the name that its clients give it."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._cuts: dict[str, int] = {}

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = {name: values[0] for name, values in parse_qs(urlsplit(connection.request.path).query).items()}
        name, total, rate, cuts = query["name"], int(query["total"]), int(query["rate"]), int(query["cuts"])
        number = int(json.loads(await connection.recv())["after"])
        began = self._began.setdefault(name, time.monotonic())
        done = self._cuts.setdefault(name, 0)
        cut_at = total * (done + 1) // (cuts + 1) if done < cuts else None
        try:
            while number < total:
                due = min(total, int((time.monotonic() - began) * rate))
                while number < due:
                    number += 1
                    await connection.send(f'{{"number":{number},"type":"entity_update","state":"on"}}')
                    if number == cut_at:
                        self._cuts[name] += 1
                        connection.transport.abort()
                        return
                await asyncio.sleep(TICK_SECONDS)
            await connection.wait_closed()
        except ConnectionClosed:
            return


async def run(port: int) -> None:
    """Until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(Streams().talk, "127.0.0.1", port, compression=None, ping_interval=None):
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))
