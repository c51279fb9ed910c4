"""Who may hear how the gateway is: who has the token, or, where none is set, who asks from this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from gateway.security.loopback import is_loopback

_SCHEME = "bearer "
# Of proxies that do not say for whom they speak in `X-Forwarded-For`, or say it here as well.
_SPOKEN_FOR = frozenset({"HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_CF_CONNECTING_IP"})


def is_insider(environ: Mapping[str, Any], token: str) -> bool:
    """Whether the request of a WSGI `environ` comes from within; `token` is empty where none is set."""
    if token:
        return _has(environ.get("HTTP_AUTHORIZATION", ""), token)
    # `ProxyFix` has put the address that a proxy names in the place of the peer's. A Unix socket's peer has none.
    peer = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR") or "127.0.0.1"
    # Proxies and tunnels on this machine speak for strangers. They say so, trusted or not.
    clients = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return all(map(is_loopback, [peer, *clients])) and _SPOKEN_FOR.isdisjoint(environ)


def _has(authorization: str, token: str) -> bool:
    given = authorization[len(_SCHEME) :].strip() if authorization[: len(_SCHEME)].lower() == _SCHEME else ""
    return hmac.compare_digest(given.encode("latin-1", "replace"), token.encode())
