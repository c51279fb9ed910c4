"""Which source a request is for, told from its target as it stood on the request line. Pure; the same on every host.

A path is cut at its slashes before its percent-encodings are undone: an encoded slash belongs to a name, and makes no
tenant of it. The contract is `/webhooks/<source>` and `/webhooks/<tenant>/<source>`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.arrival import Answer, refusal

SECTION = "webhooks"
# Those that carry an event, and those that providers ask with before they send one.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


class Address(NamedTuple):
    """Slugs, as they were asked for; whether there are such is not known here."""

    tenant: str
    source: str


NOWHERE = Address("", "")
"""Of a path below `/webhooks/` at which no source can be."""

_NO_SOURCE = refusal(404, "source_unknown", "there is no source at this address")
_NO_METHOD = refusal(
    405,
    "method_not_allowed",
    "the method is not allowed for this address",
    headers=(("Allow", ", ".join(sorted(METHODS))),),
)


@lru_cache(maxsize=256)
def address_of(target: str) -> Address | None:
    """The address that `target` (path and query, from `origin_form`) asks for; None when it is not below `/webhooks/`.

    Slashes before the first name count as one.
    """
    first, *names = target.partition("?")[0].lstrip("/").split("/")
    if "%" in target:
        first, *names = (unquote(name) for name in (first, *names))
    if first != SECTION or not names:
        return None
    if not all(names) or len(names) > 2:
        return NOWHERE
    return Address(names[0], names[1]) if len(names) == 2 else Address(DEFAULT_TENANT, names[0])


def refuse_address(address: Address, method: str) -> Answer | None:
    """The answer where no source can be, or to a method that none takes; None where a source may answer."""
    if address is NOWHERE:
        return _NO_SOURCE
    return None if method in METHODS else _NO_METHOD


def origin_form(target: str) -> str:
    """Path and query of a request line's target, which may be a whole URL (RFC 9112, 3.2.2). A `?` with nothing behind
    it is left out: not every server tells of it.
    """
    if not target.startswith("/") and "://" in target:
        _authority, slash, rest = target.split("://", 1)[1].partition("/")
        target = slash + rest or "/"
    return target.removesuffix("?")
