"""`python -m benchmarks.sync_memory URL PEER COUNT`: pull so many, and print by how many MB the process grew."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack

import psutil

from benchmarks.sync_subject import pull
from gateway.clients.client import ApiClient
from gateway.config import Settings
from gateway.installation import Installation
from gateway.security.sealing import generate_key

SETTLED = 5_000
MEGABYTE = 1 << 20


def main(url: str, peer: str, count: int) -> None:
    """A few first, so that everything is loaded; then all of them, while the size is looked at."""
    settings = Settings(database_url=url, encryption_keys=(generate_key(),), allow_private_destinations=True)
    process = psutil.Process()
    with Installation(settings) as installation, ExitStack() as stack:
        client = stack.enter_context(ApiClient(peer, allow_http=True, policy=installation.policy))
        pull(installation, client, count=SETTLED)
        before = most = process.memory_info().rss
        is_over = threading.Event()

        def look() -> None:
            nonlocal most
            while not is_over.wait(0.05):
                most = max(most, process.memory_info().rss)

        watching = threading.Thread(target=look)
        watching.start()
        try:
            pull(installation, client, count=count)
        finally:
            is_over.set()
            watching.join()
    print((most - before) / MEGABYTE)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
