"""A process that asks for the token of a connection, in many threads at once, and may be made to die on the way.

Arguments: its settings and wishes as JSON. It says `ready`, begins with a line of its input, and prints what came.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gateway.clock import Clock, FakeClock, SystemClock, from_us
from gateway.config import Settings
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.oauth.refreshing import claims, renewing
from gateway.oauth.refreshing.single_flight import SingleFlight

# Where it dies: an attribute of a module, and before or after its call.
POINTS: dict[str, tuple[Any, str, str]] = {
    "before the intent": (claims, "claim", "before"),
    "with the intent uncommitted": (claims, "claim", "after"),
    "after the intent": (renewing, "call", "before"),
    "with the answer": (renewing, "call", "after"),
    "with the answer uncommitted": (claims, "store", "after"),
    "after the commit": (renewing.Renewing, "_store", "after"),
}


def put(point: str) -> None:
    """Make this process die at `point`."""
    owner, name, side = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **named: Any) -> None:
        if side == "after":
            original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def main(wishes: dict[str, Any]) -> None:
    settings = Settings(
        database_url=wishes["database_url"],
        encryption_key_file=Path(wishes["key_file"]),
        providers_dir=Path(wishes["providers_dir"]),
        allow_private_destinations=True,
    )
    clock: Clock = SystemClock() if wishes["now_us"] is None else FakeClock(from_us(wishes["now_us"]))
    if wishes["point"] is not None:
        put(wishes["point"])
    with Installation(settings, clock=clock) as installation:
        flight = SingleFlight(installation)
        gate = threading.Barrier(wishes["threads"])

        def ask(_number: int) -> str:
            gate.wait(30)
            try:
                return flight.token(wishes["connection"]).value
            except GatewayError as error:
                return error.code

        installation.database.system_session()
        print("ready", flush=True)
        sys.stdin.readline()
        with ThreadPoolExecutor(wishes["threads"]) as pool:
            print(json.dumps(list(pool.map(ask, range(wishes["threads"])))), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
