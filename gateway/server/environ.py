"""From an ASGI scope to a WSGI environment (PEP 3333)."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.server.messages import Scope
from gateway.server.scope_reader import target_of
from gateway.server.streamed_body import StreamedBody

_KEYS: dict[bytes, str] = {}
NAMES_KEPT = 1024
NAME_CHARACTERS = 64


def environ_of(scope: Scope, body: bytes | StreamedBody) -> dict[str, Any]:
    """The environment of a request whose body has been read, or is read as it comes."""
    target = target_of(scope)
    path, _, query = target.partition("?")
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body) if isinstance(body, bytes) else body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        key, value = _KEYS.get(raw_name) or _key(raw_name), raw_value.decode("latin-1")
        # Repeats are joined as WSGI servers do.
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _key(raw_name: bytes) -> str:
    """`x-hub-signature` as `HTTP_X_HUB_SIGNATURE`. Short names are remembered up to a bound: attackers can send any."""
    key = raw_name.decode("latin-1").upper().replace("-", "_")
    if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
        key = f"HTTP_{key}"
    if len(_KEYS) < NAMES_KEPT and len(raw_name) <= NAME_CHARACTERS:
        _KEYS[raw_name] = key
    return key
