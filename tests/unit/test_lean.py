"""The short way through Flask does what the long one does: hooks in order, errors handled, routes told apart."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, Response, current_app, g, has_app_context, has_request_context, jsonify, request
from werkzeug.exceptions import HTTPException

from gateway import lean
from gateway.lean import LeanFlask


def build(app: Flask) -> Flask:
    """The same application whatever class it is of; `trace` tells what was called."""
    short = Blueprint("short", __name__, url_prefix="/short")

    @app.before_request
    def before_all() -> Response | None:
        g.trace = ["app before"]
        return Response("stopped", 202) if request.args.get("stop") else None

    @short.before_request
    def before_some() -> None:
        g.trace.append("blueprint before")

    @app.after_request
    def after_all(response: Response) -> Response:
        response.headers["X-Trace"] = ", ".join([*g.trace, "app after"])
        return response

    @short.after_request
    def after_some(response: Response) -> Response:
        g.trace.append("blueprint after")
        return response

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[dict[str, Any], int]:
        return {"refused": error.code}, error.code or 500

    @short.route("/<name>", methods=["GET", "POST"])
    def show(name: str) -> Response:
        if name == "broken":
            raise LookupError(name)
        return jsonify(name=name, method=request.method, arguments=request.view_args)

    @short.get("/text/<path:rest>")
    def text(rest: str) -> str:
        return rest

    app.register_blueprint(short)
    return app


REQUESTS = [
    ("GET", "/short/a"),
    ("GET", "/short/b"),
    ("POST", "/short/a"),
    ("DELETE", "/short/a"),
    ("OPTIONS", "/short/a"),
    ("HEAD", "/short/a"),
    ("GET", "/short/a?stop=1"),
    ("GET", "/short/broken"),
    ("GET", "/short/text/a/b/c"),
    ("GET", "/short/"),
    ("GET", "/elsewhere"),
]


@pytest.mark.parametrize(("method", "url"), REQUESTS)
def test_it_answers_as_flask_does(method: str, url: str) -> None:
    usual, short = build(Flask("usual")).test_client(), build(LeanFlask("short", lean_prefix="/short/")).test_client()
    # Twice: the second time from memory.
    for _ in range(2):
        expected, given = usual.open(url, method=method), short.open(url, method=method)
        assert (given.status, given.data) == (expected.status, expected.data)
        assert dict(given.headers) == dict(expected.headers)


def test_an_error_in_a_view_is_raised_where_flask_raises_it() -> None:
    app = build(LeanFlask("short", lean_prefix="/short/"))
    app.testing = True
    with pytest.raises(LookupError):
        app.test_client().get("/short/broken")


def test_what_is_remembered_of_paths_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "MATCHES_KEPT", 10)
    app = build(LeanFlask("short", lean_prefix="/short/"))
    client = app.test_client()
    for number in range(100):
        assert client.get(f"/short/{number}").get_json()["name"] == str(number)
        client.get(f"/short/{number}/nothing")
    client.get("/short/" + "a" * 5000)
    assert len(app.matches) <= 10
    assert all(len(path) < 300 for path, _method in app.matches)


def test_a_view_cannot_change_what_is_remembered() -> None:
    app = LeanFlask("short", lean_prefix="/short/")

    @app.get("/short/<name>")
    def show(name: str) -> str:
        assert request.view_args is not None
        request.view_args["name"] = "changed"
        return name

    assert [app.test_client().get("/short/a").text for _ in range(3)] == ["a", "a", "a"]


def test_contexts_are_those_of_before_when_the_request_is_over() -> None:
    app = build(LeanFlask("short", lean_prefix="/short/"))
    app.testing = True
    seen: list[object] = []

    @app.get("/short/inner/<name>")
    def inner(name: str) -> str:
        seen.append(g.get("trace"))
        return f"{request.path} {current_app.name}"

    @app.get("/short/outer/<name>")
    def outer(name: str) -> str:
        g.kept = name
        told = app.test_client().get("/short/inner/b").text
        return f"{told}, {request.path} {g.kept}"

    assert app.test_client().get("/short/outer/a").text == "/short/inner/b short, /short/outer/a a"
    with pytest.raises(LookupError):
        app.test_client().get("/short/broken")
    assert not has_request_context()
    assert not has_app_context()
    assert seen == [["app before"]]
