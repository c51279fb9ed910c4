"""Where the API hangs on the web application: everything below `/api`, in a Flask application of its own.

It is loaded with the first request: commands and processes that serve webhooks only need none of its libraries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from gateway.deferred import deferred
from gateway.installation import Installation
from gateway.tenants.api_keys import models as _keys
from gateway.tenants.idempotency import models as _requests

ROOT = "/api"
# Declared with the web application: whoever compares the schema with the database must see them.
TABLES = (_keys.ApiKey, _requests.IdempotentRequest)

Prepare = Callable[[Flask], None]
"""Adds to an application what every one of this process does: request ids, the check of the Host."""

_application = deferred("gateway.api.application")


def mount(app: Flask, installation: Installation, prepare: Prepare) -> None:
    """Answer what is below `/api` with the API; everything else goes on to `app`."""
    app.wsgi_app = _Mounted(app.wsgi_app, installation, prepare)  # type: ignore[method-assign]


class _Mounted:
    def __init__(self, outer: Any, installation: Installation, prepare: Prepare) -> None:
        self._outer = outer
        self._installation = installation
        self._prepare = prepare
        self._api: Flask | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        chosen = self._loaded() if path == ROOT or path.startswith(f"{ROOT}/") else self._outer
        found: Iterable[bytes] = chosen(environ, start_response)
        return found

    def _loaded(self) -> Any:
        if self._api is None:
            with self._lock:
                if self._api is None:
                    self._api = _application.create_api(self._installation, self._prepare)
        return self._api.wsgi_app
