"""The request that carries a delivery: its headers, body and signature, built from values. Pure; no I/O.

The provider's own headers go along, except those that belong to one connection (RFC 9110, 7.6.1), to the hop in front
of the gateway, or to somebody's credentials. Signatures of the provider pass: they are worth nothing without its
secret, and let a receiver check for itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claimed import Claimed, ClaimedEvent
from gateway.delivery.sending.signing import sign
from gateway.outgoing.user_agent import user_agent
from gateway.security.redaction import MAX_REMEMBERED_CHARACTERS, is_credential_name
from gateway.security.sealed_text import MARK

USER_AGENT = user_agent("webhook delivery")

ACCESS_TOKEN_HEADER = "gateway-access-token"  # noqa: S105 (a name)
"""Where a token goes that a route hands over."""

NOT_FORWARDED = frozenset(
    {
        # hop-by-hop, and what the HTTP library writes by itself
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("host", "content-length", "content-type", "accept", "accept-encoding", "user-agent", "http2-settings"),
        # credentials
        *("authorization", "proxy-authorization", "proxy-authenticate", "cookie", "cookie2", "set-cookie"),
        # the hop in front of the gateway
        *("forwarded", "via", "x-real-ip", "x-request-start", "true-client-ip"),
    }
)
NOT_FORWARDED_PREFIXES = ("x-forwarded-", "gateway-", "webhook-", "cf-", "proxy-")
# Of the provider's body, not of what a transform makes of it.
_OF_A_BODY = frozenset({"content-encoding"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # a token of RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One POST. Header values may be credentials and are not shown."""

    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


def compose(
    target: Target, claimed: Claimed, event: ClaimedEvent, body: bytes, *, now_us: int, secret_headers: frozenset[str]
) -> OutgoingRequest:
    """The request for one attempt of `claimed`. Raises `ValueError` when the target's settings make none.

    `secret_headers` are the names, in lower case, under which providers send the shared secret itself.

    `webhook-id` is the delivery's id, on every attempt and replay: two routes may send one event in two shapes to one
    destination, and that is two messages.
    """
    is_reshaped = claimed.payload_bytes is not None
    timestamp = now_us // MICROSECONDS
    own, names = _own_headers(target.headers)
    replaced = names | _OF_A_BODY if is_reshaped else names
    forwarded = forwarded_headers(event.headers, secret_headers)
    headers = [pair for pair in forwarded if _normal(pair[0]) not in replaced] if replaced else list(forwarded)
    headers += own
    content_type = "application/json" if is_reshaped else event.content_type
    if content_type and "content-type" not in names and (text := printable(content_type)):
        headers.append(("Content-Type", text))
    if event.type and (text := printable(event.type)):
        headers.append(("gateway-event-type", text))
    headers += (
        ("gateway-event-id", event.id),
        ("gateway-source", event.source),
        ("gateway-attempt", str(claimed.attempt)),
        ("webhook-id", claimed.id),
        ("webhook-timestamp", str(timestamp)),
    )
    if target.handed_over is not None:
        headers.append((ACCESS_TOKEN_HEADER, target.handed_over))
    signature = sign(target.live_secrets(now_us), message_id=claimed.id, timestamp=timestamp, body=body)
    if signature:
        headers.append(("webhook-signature", signature))
    return OutgoingRequest(target.url or "", headers, body)


@lru_cache(maxsize=1024)
def _own_headers(given: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    """What every request to a destination carries, made of its extra headers; and the names of those, as `_normal`."""
    names = frozenset(_normal(name) for name, _ in given)
    own = [(name, text) for name, value in given if (text := printable(value)) is not None]
    if "user-agent" not in names:
        own.append(("User-Agent", USER_AGENT))
    return (*own, ("Accept-Encoding", "identity")), names


@lru_cache(maxsize=64)
def forwarded_headers(headers_json: bytes, secret_headers: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of an event's `headers` that a destination may see. What cannot be sent is left out."""
    try:
        pairs = [(str(name), str(value)) for name, value in json.loads(headers_json)]
    except (ValueError, TypeError):
        return ()
    passing = [
        (name, text)
        for name, value in pairs
        if name.lower() not in secret_headers
        and _may_pass(name)
        and MARK not in value
        and (text := printable(value)) is not None
    ]
    named = _named_by_connection(pairs)
    return tuple(pair for pair in passing if _normal(pair[0]) not in named) if named else tuple(passing)


def _may_pass(name: str) -> bool:
    # Names come from strangers: what is remembered of them has a bound.
    return _remembered(name) if len(name) <= MAX_REMEMBERED_CHARACTERS else _is_forwarded(name)


def _is_forwarded(name: str) -> bool:
    normal = _normal(name)
    if _NAME.fullmatch(name) is None or normal in NOT_FORWARDED or normal.startswith(NOT_FORWARDED_PREFIXES):
        return False
    return not is_credential_name(name)


_remembered = lru_cache(maxsize=4096)(_is_forwarded)


def _normal(name: str) -> str:
    """A name as receivers may read it: in CGI's variables, and so in WSGI, `webhook_id` and `Webhook-Id` are one."""
    return name.lower().replace("_", "-")


def printable(value: str) -> str | None:
    """`value` as the HTTP library can send it, byte for byte as it came; None when it cannot be sent.

    Servers hand over header bytes as Latin-1 (PEP 3333), the library sends UTF-8: what was UTF-8 is read again as such.
    """
    text = value.strip(" \t")
    if text.isascii():
        return text if text.isprintable() or _CONTROL.search(text) is None else None
    try:
        text = text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None
    except UnicodeEncodeError:
        # Not from a server: typed by a person, or from JSON.
        if not _is_encodable(text):
            return None
    return None if _CONTROL.search(text) else text


def _named_by_connection(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Header names that `Connection` says belong to one connection only."""
    return frozenset(
        _normal(option.strip()) for name, value in pairs if name.lower() == "connection" for option in value.split(",")
    )


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
