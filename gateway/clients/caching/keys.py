"""Under which digests an answer is kept: none is two credentials', or tells a credential or a URL. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from urllib.parse import urljoin, urlsplit

from gateway.clients.auth.base import Auth
from gateway.clients.values import Answer, Call

# What is said to caches, and names that each call has of its own.
_NOT_OF_THE_VARIANT: Final = frozenset(
    {"cache-control", "pragma", "traceparent", "tracestate", "x-request-id", "x-correlation-id"}
)


def identity_of(auth: Auth, call: Call) -> str:
    """What tells the credential of `call` from every other.

    That is what `auth` says of itself (`identity`), else what it adds to the call. One that adds something new each
    time shares nothing, with itself neither. Raises `IntegrationError` when no credentials can be had.
    """
    own = getattr(auth, "identity", None)
    said = own() if own is not None else None
    if said is not None:
        return f"{type(auth).__name__}:{said}"
    sent = auth.apply(call)
    added = [pair for pair in sent.headers if pair not in call.headers]
    moved = sent.url if sent.url != call.url else ""
    return repr((added, [pair for pair in sent.query if pair not in call.query], moved))


def place_of(secret: bytes, identity: str, url: str) -> str:
    """The path of `url`, for one credential."""
    parts = urlsplit(url)
    return _digest(secret, identity, f"{parts.scheme}://{parts.netloc}{parts.path}")


def variant_of(secret: bytes, call: Call) -> str:
    """The query, and all headers: systems choose an account by one, and do not say so in `Vary`."""
    headers = sorted((name.lower(), value) for name, value in call.headers)
    chosen_by = [pair for pair in headers if pair[0] not in _NOT_OF_THE_VARIANT]
    return _digest(secret, urlsplit(call.full_url).query, repr(chosen_by))


def written_urls(call: Call, answer: Answer | None) -> set[str]:
    """What a write changes (RFC 9111, 4.4): its path, the one above, which often lists it, what the answer names."""
    path = call.url.partition("?")[0]
    above = path.rstrip("/").rpartition("/")[0]
    named = [answer.headers.get(name) for name in ("location", "content-location")] if answer is not None else []
    found = {path, above, *(urljoin(path, name) for name in named if name)}
    return {url for url in found if urlsplit(url)[:2] == urlsplit(path)[:2]}


def _digest(secret: bytes, *parts: str) -> str:
    digest = blake2b(key=secret, digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
