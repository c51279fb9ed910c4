"""Serving what somebody else answers: the request is read as it came, and the answer given bit by bit."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, g, request
from werkzeug.exceptions import ClientDisconnected

from gateway.api.declaring import Forwarding, Operation
from gateway.api.hints import PREFIX
from gateway.errors import BodyIncomplete
from gateway.installation import Installation
from gateway.webhooks.receive.request_reader import header_pairs, target_of


def forwarded(operation: Operation, installation: Installation, tenant_id: str, path: Mapping[str, str]) -> Response:
    """The answer to the request that is under way. Raises what the operation raises."""
    target, _, query = target_of(request.environ).partition("?")
    asked = Forwarding(
        installation=installation,
        tenant_id=tenant_id,
        method=request.method,
        path=rest_of(operation.path, target),
        query=query,
        headers=header_pairs(request.environ),
        body=_Incoming(),
        length=request.content_length,
    )
    *names, _last = operation_parts(operation.path)
    answer = operation.run(asked, **{name: path[name] for name in names})
    # What the other one says of limits is what counts of this answer.
    g.standings = ()
    response = Response(answer, answer.status, list(answer.headers), direct_passthrough=True)
    if not any(name.lower() == "content-type" for name, _ in answer.headers):
        response.headers.pop("Content-Type", None)
    return response


class _Incoming:
    """The body of the request that is under way."""

    def read(self, size: int, /) -> bytes:
        try:
            return request.stream.read(size)
        except (OSError, ClientDisconnected) as error:
            # How servers of threads tell that a body broke off.
            raise BodyIncomplete("the connection ended before the whole body had come") from error


def operation_parts(path: str) -> list[str]:
    """The names of the parts of a declared path. Pure."""
    return [part.strip("<>").rpartition(":")[2] for part in path.split("/") if part.startswith("<")]


def rest_of(declared: str, target: str) -> str:
    """What stands on the request line in the place of the last part of a declared path, encoded as it came. Pure.

    A path is cut at its slashes before its encodings are undone: each part before the last one is one segment.
    """
    count = len(PREFIX.split("/")) + len(declared.split("/")) - 2
    return "/".join(target.split("/")[count:])
