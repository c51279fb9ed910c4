"""What the API answers when it refuses: problem details (RFC 9457), made of the error tree and of refusals of the door.

Every one has `code`, which is stable, and `request_id`. Faults of input stand in `errors`, each with a JSON pointer
(RFC 6901) into the body, or the name of the parameter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any

from flask import Response, g

from gateway.api.hints import as_data
from gateway.errors import Fault, GatewayError, InvalidInput

CONTENT_TYPE = "application/problem+json"
# Of what is wrong all over so much is told.
MAX_ERRORS = 100
MAX_DETAIL_CHARACTERS = 2_000

# What the door itself refuses, beside the error tree: code → status.
REFUSALS: Mapping[str, int] = {
    "bad_request": 400,
    "json_malformed": 400,
    "key_missing": 401,
    "key_invalid": 401,
    "key_expired": 401,
    "scope_missing": 403,
    "tenant_forbidden": 403,
    "method_not_allowed": 405,
    "request_in_flight": 409,
    "answer_lost": 409,
    "precondition_failed": 412,
    "body_too_large": 413,
    "media_type_unsupported": 415,
    "idempotency_key_reused": 422,
    "precondition_required": 428,
    "rate_limited": 429,
}

Locate = Callable[[str], Mapping[str, str]]
"""Where the field of a fault stands in the request: `{"pointer": …}` or `{"parameter": …}`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is answered, without what every answer has."""

    status: int
    code: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    hints: Sequence[Mapping[str, Any]] = ()
    headers: Sequence[tuple[str, str]] = ()


class Refused(Exception):
    """The door refuses, with a code of `REFUSALS`."""

    def __init__(
        self, code: str, detail: str, *, headers: Sequence[tuple[str, str]] = (), faults: Sequence[Fault] = ()
    ) -> None:
        self.code = code
        self.detail = detail
        self.headers = headers
        self.faults = faults
        super().__init__(detail)


def in_body(field: str) -> Mapping[str, str]:
    """Where a fault stands when nothing is known of the request: in its body. Pure."""
    steps = field.replace("[", ".").replace("]", "").split(".") if field else []
    return {"pointer": "".join(f"/{escaped(step)}" for step in steps if step)}


def escaped(step: str) -> str:
    """One step of a JSON pointer. Pure."""
    return step.replace("~", "~0").replace("/", "~1")


def problem_of(error: GatewayError | Refused, locate: Locate = in_body) -> Problem:
    """An error as it is answered. Pure."""
    if isinstance(error, Refused):
        errors = tuple(_fault(fault, locate) for fault in error.faults)
        return Problem(REFUSALS[error.code], error.code, error.detail, errors, headers=error.headers)
    errors = tuple(_fault(fault, locate) for fault in error.faults) if isinstance(error, InvalidInput) else ()
    wait = getattr(error, "retry_after_seconds", None)
    headers = [("Retry-After", str(ceil(wait)))] if wait is not None else []
    detail = str(error) or HTTPStatus(error.http_status).phrase
    return Problem(error.http_status, error.code, detail, errors, [as_data(hint) for hint in error.hints], headers)


def respond(problem: Problem) -> Response:
    """The answer to the request that is under way."""
    document: dict[str, Any] = {
        "type": f"urn:gateway:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": _shortened(problem.detail),
        "request_id": g.get("request_id", ""),
    }
    if problem.errors:
        document["errors"] = list(problem.errors[:MAX_ERRORS])
    if problem.hints:
        document["hints"] = list(problem.hints)
    headers = [*problem.headers, ("Cache-Control", "no-store")]
    return Response(json.dumps(document, default=_plain), problem.status, headers, content_type=CONTENT_TYPE)


def _plain(value: object) -> object:
    """What hints and faults are about, as JSON has it."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _shortened(text: str) -> str:
    """What quotes a long value tells enough by its beginning."""
    return text if len(text) <= MAX_DETAIL_CHARACTERS else f"{text[:MAX_DETAIL_CHARACTERS]}…"


def _fault(fault: Fault, locate: Locate) -> Mapping[str, Any]:
    found: dict[str, Any] = {**locate(fault.field), "code": fault.code, "detail": _shortened(fault.message)}
    if fault.parameters:
        found["parameters"] = dict(fault.parameters)
    if fault.hint is not None:
        found["hint"] = as_data(fault.hint)
    return found
