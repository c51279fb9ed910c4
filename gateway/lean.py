"""Flask without what a webhook does not need at every request: sessions, signals, searching the routes and hooks anew.

Still Flask: routes, hooks, error handlers, blueprints and test clients work as ever. Requests below `lean_prefix` take
the short way through the same steps; there, teardown functions, signals, `after_this_request` and URL value
preprocessors are not looked for. All other requests are Flask's own matter. Measured by `scripts/bench ingest`.

It uses private names of Flask 3.1 (`LeanContext`): look here when Flask is upgraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, Response
from flask.ctx import AppContext, RequestContext
from flask.globals import _cv_app, _cv_request
from flask.sessions import SessionInterface, SessionMixin
from flask.wrappers import Request
from werkzeug.routing import MapAdapter, Rule

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Paths are what strangers send: what is remembered of them is bounded.
MATCHES_KEPT = 1024
PATH_CHARACTERS = 256


class NoSessions(SessionInterface):
    """There is no session and none is saved. Pages that need one bring their own interface."""

    def __init__(self) -> None:
        self.none: SessionMixin = self.null_session_class()

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        return self.none

    def is_null_session(self, obj: object) -> bool:
        return True

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        return None


class Hooks(NamedTuple):
    """What is called around a view, in this order."""

    before: tuple[Callable[[], Any], ...]
    after: tuple[Callable[[Response], Response], ...]


class LeanContext(RequestContext):
    """A request's context with an application context of its own, pushed and popped once, which remembers which rule a
    path matched.
    """

    app: LeanFlask

    def __init__(self, app: LeanFlask, environ: WSGIEnvironment) -> None:
        self.app = app
        # Not left in the environment: it would keep itself alive until it is searched for as garbage.
        self.request = app.request_class(environ, populate_request=False)
        self.request.json_module = app.json
        self._adapter: MapAdapter | None = None
        self.flashes = None
        self._session = app.no_session
        self._after_request_functions = []

    @property
    def url_adapter(self) -> MapAdapter | None:  # type: ignore[override]
        """What searches the routes, made when somebody does."""
        if self._adapter is None:
            self._adapter = self.app.create_url_adapter(self.request)
        return self._adapter

    def push(self) -> None:
        """Make `request`, `current_app` and `g` those of this request."""
        app_context = AppContext.__new__(AppContext)
        app_context.app, app_context.url_adapter = self.app, None
        app_context.g = self.app.app_ctx_globals_class()
        self._tokens = _cv_app.set(app_context), _cv_request.set(self)

    def pop(self, exc: BaseException | None = None) -> None:
        """Make them those of before."""
        app_token, request_token = self._tokens
        _cv_request.reset(request_token)
        _cv_app.reset(app_token)
        if "files" in self.request.__dict__:
            self.request.close()

    def match_request(self) -> None:
        """As Flask's; a path that matches no rule is searched for every time."""
        request = self.request
        key = request.path, request.method
        known = self.app.matches.get(key)
        if known is None:
            super().match_request()
            rule, values = request.url_rule, request.view_args
            if rule is not None and values is not None and len(request.path) <= PATH_CHARACTERS:
                if len(self.app.matches) >= MATCHES_KEPT:
                    self.app.matches.clear()
                self.app.matches[key] = rule, dict(values)
            return
        request.url_rule, values = known
        request.view_args = dict(values)


class LeanFlask(Flask):
    """`lean_prefix` is the beginning of the paths that take the short way."""

    session_interface = NoSessions()
    no_session = session_interface.none

    def __init__(self, import_name: str, *, lean_prefix: str) -> None:
        super().__init__(import_name)
        self.matches: dict[tuple[str, str], tuple[Rule, dict[str, Any]]] = {}
        self._lean_prefix = lean_prefix
        self._hooks: dict[str | None, Hooks] = {}

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application for a WSGI server."""
        if not environ["PATH_INFO"].startswith(self._lean_prefix):
            return super().wsgi_app(environ, start_response)
        context = LeanContext(self, environ)
        context.push()
        try:
            try:
                context.match_request()
                response = self._respond(context.request)
            except Exception as error:
                response = self.handle_exception(error)
            return response(environ, start_response)
        finally:
            context.pop()

    def _respond(self, request: Request) -> Response:
        """`full_dispatch_request`, with the hooks at hand and for views that return a response."""
        hooks = self._hooks.get(request.endpoint) or self._find_hooks(request)
        try:
            for before in hooks.before:
                answer = before()
                if answer is not None:
                    break
            else:
                answer = self.dispatch_request()
        except Exception as error:
            answer = self.handle_user_exception(error)
        response = answer if isinstance(answer, Response) else self.make_response(answer)
        for after in hooks.after:
            response = after(response)
        return response

    def _find_hooks(self, request: Request) -> Hooks:
        # In Flask's order; registering is over when the first request comes.
        self._got_first_request = True
        blueprints = request.blueprints
        before = [one for name in (None, *reversed(blueprints)) for one in self.before_request_funcs.get(name, ())]
        after = [one for name in (*blueprints, None) for one in reversed(self.after_request_funcs.get(name, ()))]
        hooks = self._hooks[request.endpoint] = Hooks(tuple(before), tuple(after))
        return hooks

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
