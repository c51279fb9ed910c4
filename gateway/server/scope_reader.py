"""Reading an inbound HTTP request on an event loop: an ASGI scope and the body that came with it become an `Arrival`.

What comes of it is what `webhooks.receive.request_reader` makes of the same request on a WSGI host.
"""

from __future__ import annotations

from werkzeug.http import parse_list_header

from gateway.clock import Clock
from gateway.server.messages import Scope
from gateway.webhooks.arrival import Arrival, Body
from gateway.webhooks.receive.addressing import Address, origin_form

# Names are what strangers send: what is remembered of them is bounded.
NAMES_KEPT = 1024
NAME_CHARACTERS = 64

_names: dict[bytes, str] = {}


class ScopeReader:
    """Reads requests that came through so many `trusted_proxies`."""

    def __init__(self, clock: Clock, *, base_url: str, trusted_proxies: int) -> None:
        self._clock = clock
        self._base_url = base_url
        self._trusted_proxies = trusted_proxies

    def arrival(self, scope: Scope, target: str, address: Address, body: Body, request_id: str) -> Arrival:
        """The request of `scope`, which asks for `target`, and so for `address`."""
        client = scope.get("client")
        return Arrival(
            tenant=address.tenant,
            source=address.source,
            method=scope["method"],
            url=self._base_url + target,
            headers=header_pairs(scope),
            body=body.data,
            client_address=self._forwarded_for(scope) or (client[0] if client else ""),
            request_id=request_id,
            received_at_us=self._clock.now_us(),
            began=self._clock.monotonic(),
            is_oversized=body.is_oversized,
            is_truncated=body.is_truncated,
        )

    def _forwarded_for(self, scope: Scope) -> str | None:
        """Whom the outermost trusted proxy names; werkzeug's `ProxyFix` says the same to a WSGI host."""
        hops = self._trusted_proxies
        addresses = parse_list_header(header_value(scope, b"x-forwarded-for") or "") if hops else ()
        return addresses[-hops] if hops and len(addresses) >= hops else None


def target_of(scope: Scope) -> str:
    """Path and query as they stood on the request line: some providers sign them."""
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8")
    query: bytes = scope["query_string"]
    return origin_form((b"%b?%b" % (path, query) if query else path).decode("latin-1"))


def header_pairs(scope: Scope) -> tuple[tuple[str, str], ...]:
    """The request's headers in the order received, repeats kept; names in lower case."""
    return tuple([(_names.get(name) or _name(name), value.decode("latin-1")) for name, value in scope["headers"]])


def header_value(scope: Scope, name: bytes) -> str | None:
    """The values of a header, joined with commas as WSGI servers do; `name` in lower case."""
    values = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1") if values else None


def _name(raw_name: bytes) -> str:
    name = raw_name.decode("latin-1")
    if len(_names) < NAMES_KEPT and len(raw_name) <= NAME_CHARACTERS:
        _names[raw_name] = name
    return name
