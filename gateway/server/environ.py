"""From an ASGI scope to a WSGI environment (PEP 3333)."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.server.messages import Scope
from gateway.webhooks.receive.request_reader import BODY_KEY, HEADERS_KEY, Body

_NAMES: dict[bytes, tuple[str, str]] = {}
NAMES_KEPT = 1024
NAME_CHARACTERS = 64


def environ_of(scope: Scope, body: Body) -> dict[str, Any]:
    """The environment of a request whose body has been read."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8")
    query: str = scope["query_string"].decode("latin-1")
    target = raw_path.decode("latin-1")
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1") if b"%" in raw_path else target,
        "QUERY_STRING": query,
        "RAW_URI": f"{target}?{query}" if query else target,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body[0]),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        BODY_KEY: body,
    }
    pairs = []
    for raw_name, raw_value in scope["headers"]:
        name, key = _NAMES.get(raw_name) or _name_and_key(raw_name)
        value = raw_value.decode("latin-1")
        pairs.append((name, value))
        # Repeats are joined as WSGI servers do; verification sees them apart, in HEADERS_KEY.
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[HEADERS_KEY] = tuple(pairs)
    return environ


def _name_and_key(raw_name: bytes) -> tuple[str, str]:
    """`x-hub-signature` as text and as `HTTP_X_HUB_SIGNATURE`. Short names are remembered up to a bound: attackers can
    send any.
    """
    name = raw_name.decode("latin-1")
    key = name.upper().replace("-", "_")
    if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
        key = f"HTTP_{key}"
    if len(_NAMES) < NAMES_KEPT and len(raw_name) <= NAME_CHARACTERS:
        _NAMES[raw_name] = name, key
    return name, key
