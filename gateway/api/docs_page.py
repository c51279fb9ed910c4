"""`/api/docs`: the document to browse, by Swagger UI, whose files are here and served by the gateway itself.

The page has a Content-Security-Policy of its own: scripts and connections to this gateway only, no script inside the
page. Styles inside it are allowed, because Swagger UI sets them. It takes nothing from the page's URL.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, abort, request

from gateway.api.mounting import ROOT

PATH = f"{ROOT}/docs"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOLDER = Path(__file__).with_name("swagger_ui")


class _File(NamedTuple):
    """A file of the page. `is_packed`: it is kept compressed."""

    content_type: str
    is_packed: bool = False


_FILES = {
    "index.html": _File("text/html; charset=utf-8"),
    "start.js": _File("text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": _File("text/javascript; charset=utf-8", is_packed=True),
    "swagger-ui.css": _File("text/css; charset=utf-8", is_packed=True),
    "favicon-32x32.png": _File("image/png"),
}


def publish(app: Flask) -> None:
    """Serve the page and its files to whoever asks."""

    @app.get(PATH)
    def docs() -> Response:
        return _answer("index.html")

    @app.get(f"{PATH}/<name>")
    def docs_file(name: str) -> Response:
        return _answer(name) if name in _FILES else abort(404)


def _answer(name: str) -> Response:
    kept = _FILES[name]
    data = _read(name)
    etag = hashlib.sha256(data).hexdigest()[:32]
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    if kept.is_packed:
        headers["Vary"] = "Accept-Encoding"
        if request.accept_encodings.quality("gzip"):
            headers["Content-Encoding"] = "gzip"
            etag += "-gzip"
        else:
            data = gzip.decompress(data)
    response = Response(data, headers=headers, content_type=kept.content_type)
    response.set_etag(etag)
    response.make_conditional(request)
    return response


@lru_cache(maxsize=len(_FILES))
def _read(name: str) -> bytes:
    return (_FOLDER / (f"{name}.gz" if _FILES[name].is_packed else name)).read_bytes()
