"""Certificates and key sets that verification needs: fetched from pinned URLs only, cached with a bound.

Whoever causes a fetch is not known yet, so fetches are limited in number per minute: for each source, so that who knows
one source's address cannot keep the keys from the others, and more widely over all of them. What could not be fetched
is not asked for again at once. Which URLs may be named at all is decided in `verification`.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.outgoing.document import Fetch, FetchedResponse
from gateway.providers import Provider
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import Answer, refusal
from gateway.webhooks.verification import (
    Credentials,
    InboundRequest,
    MaterialRequest,
    Reading,
    material_needed,
)

CACHED_DOCUMENTS = 256
FRESH_SECONDS = 24 * 3600.0
# A key id that the cached document lacks is a reason to look again, but not for every request that names one.
UNKNOWN_KEY_SECONDS = 60.0
FAILED_SECONDS = 60.0
FETCHES_OF_A_SOURCE = RateLimitItemPerMinute(10)
FETCHES = RateLimitItemPerMinute(120)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Document:
    content: str | Mapping[str, object]
    fetched_at: float


class MaterialStore:
    """The cache, shared by all sources of a process. Safe to call from any thread; only `fetch` blocks."""

    def __init__(self, clock: Clock, fetch: Fetch) -> None:
        self._clock = clock
        self._get = fetch
        self._documents: OrderedDict[str, _Document] = OrderedDict()
        self._failed_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._without: set[int] = set()

    def needed(
        self,
        provider: Provider,
        request: InboundRequest,
        credentials: Credentials,
        scheme: str | None,
        reading: Reading | None = None,
    ) -> Sequence[MaterialRequest]:
        """What `judge` will look for beside `credentials`; empty for nearly all providers."""
        if id(provider) in self._without:
            return ()
        if not any(entry.fetches or entry.function for entry in provider.webhook.schemes):
            self._without.add(id(provider))
            return ()
        return material_needed(provider, request, credentials=credentials, scheme=scheme, reading=reading)

    def missing(self, needed: Sequence[MaterialRequest]) -> Sequence[MaterialRequest]:
        """Those of `needed` that must be fetched first."""
        return [material for material in needed if not self._has(material)]

    def fetch(self, missing: Sequence[MaterialRequest], source_id: str) -> Answer | None:
        """Fetch into the cache. None when all is there, else the refusal to give: the sender should try again."""
        for material in missing:
            if self._has_failed(material.url):
                return _not_fetched()
            if not self._may_fetch(source_id):
                return refusal(429, "rate_limited", "too many certificates asked for", retry_after_seconds=60)
            try:
                content = _parse(material, self._get(material.url))
            except (GatewayError, ValueError, RecursionError) as error:
                get_logger(__name__).warning(
                    "certificate or keys not fetched; requests that name them are refused for now",
                    url=material.url,
                    error=str(error),
                )
                self._keep(self._failed_at, material.url, self._clock.monotonic())
                return _not_fetched()
            self._keep(self._documents, material.url, _Document(content, self._clock.monotonic()))
        return None

    def complete(self, needed: Sequence[MaterialRequest], credentials: Credentials) -> Credentials:
        """`credentials` with the documents of `needed` in their places."""
        for material in needed:
            document = self._documents.get(material.url)
            if document is None:
                continue
            if isinstance(document.content, str):
                credentials = replace(credentials, certs={**credentials.certs, material.url: document.content})
            elif material.kind == "jwks":
                credentials = replace(credentials, jwks=document.content)
            else:
                by_id = {key: value for key, value in document.content.items() if isinstance(value, str)}
                credentials = replace(credentials, certs={**credentials.certs, **by_id})
        return credentials

    def _may_fetch(self, source_id: str) -> bool:
        # The source's own bound first: what it refuses must not use up the bound of all.
        return self._limiter.hit(FETCHES_OF_A_SOURCE, source_id) and self._limiter.hit(FETCHES, "all sources")

    def _has_failed(self, url: str) -> bool:
        failed_at = self._failed_at.get(url)
        return failed_at is not None and self._clock.monotonic() - failed_at < FAILED_SECONDS

    def _keep(self, cache: OrderedDict[str, _Value], url: str, value: _Value) -> None:
        with self._lock:
            cache[url] = value
            cache.move_to_end(url)
            while len(cache) > CACHED_DOCUMENTS:
                cache.popitem(last=False)

    def _has(self, material: MaterialRequest) -> bool:
        document = self._documents.get(material.url)
        if document is None:
            return False
        age = self._clock.monotonic() - document.fetched_at
        return age < (FRESH_SECONDS if _holds(document, material) else UNKNOWN_KEY_SECONDS)


def shared_material(installation: Installation) -> MaterialStore:
    """That of all who judge requests again in this process: so are its bounds."""
    return installation.part(_shared)


def _shared(installation: Installation) -> MaterialStore:
    return MaterialStore(installation.clock, installation.fetch)


def _not_fetched() -> Answer:
    return refusal(503, "storage_unavailable", "the provider's keys could not be fetched", retry_after_seconds=30)


def _parse(material: MaterialRequest, response: FetchedResponse) -> str | Mapping[str, object]:
    if response.status != 200:
        raise ValueError(f"status {response.status}")
    text = response.body.decode("utf-8")
    if material.kind == "certificate":
        return text
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _holds(document: _Document, material: MaterialRequest) -> bool:
    if material.key_id is None or isinstance(document.content, str):
        return True
    if material.kind != "jwks":
        return material.key_id in document.content
    keys = document.content.get("keys")
    return isinstance(keys, list) and any(isinstance(key, dict) and key.get("kid") == material.key_id for key in keys)
