"""Which headers of a proxied call and of its answer go on. Pure.

Neither side sees the other's credentials, nor what is between two machines alone (RFC 9110, 7.6.1), nor what the
provider says to browsers of its own origin: the answer comes from the gateway's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pairs = Sequence[tuple[str, str]]

UPSTREAM_STATUS = "Gateway-Upstream-Status"
"""In every answer that is the provider's, and in no other."""
NEW_TOKEN = ("Gateway-Token", "renewed")
"""With a 401 of the provider to a body that could not be sent again: the next call has another token."""
UPSTREAM_REQUEST_ID = "Gateway-Upstream-Request-Id"

_BETWEEN_TWO = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    }
)
_NOT_SENT = _BETWEEN_TWO | {
    # Credentials for the gateway, and where the caller is.
    "authorization",
    "cookie",
    "cookie2",
    "gateway-tenant",
    "host",
    "content-length",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "origin",
    "referer",
    # Another path than the one that was judged, for servers that go by it.
    "x-original-url",
    "x-rewrite-url",
}
_NOT_SENT_PREFIXES = ("x-forwarded-", "sec-", "cf-", "x-envoy-")
_NOT_GIVEN = _BETWEEN_TWO | {
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "nel",
    "permissions-policy",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "server",
    "service-worker-allowed",
    "sourcemap",
    "strict-transport-security",
    "via",
    "x-content-type-options",
    "x-frame-options",
    "x-powered-by",
    "x-request-id",
}
_NOT_GIVEN_PREFIXES = ("access-control-", "gateway-")
# A browser that is led to such an answer runs nothing of it.
SANDBOX = ("Content-Security-Policy", "sandbox; default-src 'none'")


def sent(pairs: Pairs) -> list[tuple[str, str]]:
    """Those of a request's headers that go to the provider."""
    return _without(pairs, _NOT_SENT, _NOT_SENT_PREFIXES)


def given(status: int, pairs: Pairs) -> list[tuple[str, str]]:
    """The headers with which the provider's answer is given: its own, but for those that are not the caller's."""
    found = _without(pairs, _NOT_GIVEN, _NOT_GIVEN_PREFIXES)
    kept = [(name, value) for name, value in found if name.lower() != "cache-control"]
    said = ", ".join(value for name, value in found if name.lower() == "cache-control")
    kept.append(("Cache-Control", _private(said)))
    request_id = next((value for name, value in pairs if name.lower() == "x-request-id"), None)
    if request_id is not None:
        kept.append((UPSTREAM_REQUEST_ID, request_id))
    return [*kept, SANDBOX, (UPSTREAM_STATUS, str(status))]


def _private(said: str) -> str:
    """What caches on the way may do: none may keep for others what was answered to one key."""
    parts = [part.strip() for part in said.split(",") if part.strip()]
    own = [part for part in parts if part.partition("=")[0].lower() not in ("public", "private", "s-maxage")]
    return ", ".join(["private", *(own or ["no-cache"])])


def _without(pairs: Pairs, names: frozenset[str], prefixes: tuple[str, ...]) -> list[tuple[str, str]]:
    named = set(_named_by_connection(pairs))
    return [
        (name, value)
        for name, value in pairs
        if (lower := name.lower()) not in names and lower not in named and not lower.startswith(prefixes)
    ]


def _named_by_connection(pairs: Pairs) -> Iterable[str]:
    for name, value in pairs:
        if name.lower() == "connection":
            yield from (one.strip().lower() for one in value.split(","))
