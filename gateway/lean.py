"""Flask without what a webhook does not need at every request: sessions, coroutine views, host matching.

Still Flask: routes, hooks, error handlers, blueprints and test clients work as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.sessions import SessionInterface, SessionMixin
from flask.wrappers import Request, Response
from werkzeug.routing import MapAdapter


class NoSessions(SessionInterface):
    """There is no session and none is saved. Pages that need one bring their own interface."""

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        return self._none

    def is_null_session(self, obj: object) -> bool:
        return True

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        return None

    def __init__(self) -> None:
        self._none: SessionMixin = self.null_session_class()


class LeanFlask(Flask):
    """About a third less work per request than Flask's defaults; measured by `scripts/bench ingest`."""

    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # No view or hook of ours is a coroutine; asking at every call costs more than calling.
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        # Routes depend on path and method only, never on a host that a stranger sent.
        if request is None:
            return super().create_url_adapter(request)
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name="gateway",
            script_name=environ.get("SCRIPT_NAME") or "/",
            subdomain="",
            url_scheme=environ["wsgi.url_scheme"],
            path_info=request.path,
            default_method=request.method,
            query_args=environ.get("QUERY_STRING", ""),
        )
