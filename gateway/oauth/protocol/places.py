"""How many threads of a web process wait for providers at once: some are left for webhooks, whoever is silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.installation import Installation


class ProvidersBusy(GatewayError):
    """As many threads of this process wait for providers as may."""

    code = "providers_busy"
    http_status = 503
    retryable = True
    retry_after_seconds = 1


class Places:
    """`count` of them. Safe from any thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have a place inside of the block, which may end in another thread. Raises `ProvidersBusy`."""
        if not self._free.acquire(blocking=False):
            raise ProvidersBusy("as many calls wait for providers as may: come again")
        try:
            yield
        finally:
            self._free.release()


def places_of(installation: Installation) -> Places:
    """Those of this process: for calls that are forwarded, and for pages that ask a provider."""
    return installation.part(_make)


def _make(installation: Installation) -> Places:
    return Places(max(1, installation.settings.web_threads * 3 // 4))
