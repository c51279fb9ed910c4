"""What tells failures of a system by its entry: its own codes, also inside a success. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import jmespath

from gateway.clients import errors
from gateway.clients.errors import IntegrationError
from gateway.clients.judging import Judge, by_status, excerpt, failure, request_id_in
from gateway.clients.values import Answer
from gateway.clients.waits import STANDARD_WAITS, Unit, WaitHeader, wait_seconds
from gateway.providers.api.model import Api, ErrorShape

KINDS: Final[Mapping[str, type[IntegrationError]]] = {
    "authentication": errors.AuthenticationFailed,
    "authorization": errors.AuthorizationFailed,
    "conflict": errors.RemoteConflict,
    "expired": errors.PositionExpired,
    "not_found": errors.RemoteNotFound,
    "quota": errors.QuotaExhausted,
    "rate_limited": errors.RateLimited,
    "refused": errors.RequestRefused,
    "unavailable": errors.Unavailable,
}


def judge_of(api: Api) -> Judge:
    """What tells failures of a system by its entry."""
    said_in = (*(WaitHeader(wait.header, Unit(wait.unit), wait.when_used_up) for wait in api.waits), *STANDARD_WAITS)
    find = _Finder(api.errors)

    def judge(answer: Answer, now: float) -> IntegrationError | None:
        error = by_status(answer, now, said_in=said_in)
        if error is None and find.inside_success is None:
            return None
        document = _document(answer)
        if error is None and not find.is_inside_success(document):
            return None
        code, message = find.code(document), find.message(document)
        kind = find.kind(code) or (type(error) if error is not None else errors.RequestRefused)
        wait = error.retry_after_seconds if error is not None else None
        if wait is None and issubclass(kind, errors.RateLimited | errors.Unavailable):
            wait = wait_seconds(answer.headers, said_in, now=now)
        if kind is not type(error) or message:
            told = f"the system says {code}" if code is not None else "the system refuses it"
            error = failure(kind, told, answer, vendor_code=code, retry_after_seconds=wait)
            if message:
                error.args = (f"{told} (status {answer.status}): {excerpt(message)}",)
        elif code is not None and error is not None:
            error.call = replace(error.call, vendor_code=code)
        if api.request_id is not None and (request_id := request_id_in(answer, api.request_id)) is not None:
            error.call = replace(error.call, request_id=request_id)
        return error

    return judge


class _Finder:
    """Finds in an answer what an entry says about errors."""

    def __init__(self, shape: ErrorShape) -> None:
        self.inside_success = _compiled(shape.inside_success)
        self._code = _compiled(shape.code)
        self._message = _compiled(shape.message)
        self._codes = shape.codes

    def is_inside_success(self, document: Any) -> bool:
        return self.inside_success is not None and self.inside_success(document) is True

    def code(self, document: Any) -> str | None:
        found = self._code(document) if self._code is not None else None
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None

    def message(self, document: Any) -> str:
        found = self._message(document) if self._message is not None else None
        return found if isinstance(found, str) else ""

    def kind(self, code: str | None) -> type[IntegrationError] | None:
        return KINDS[self._codes[code]] if code is not None and code in self._codes else None


def _compiled(path: str | None) -> Callable[[Any], Any] | None:
    return jmespath.compile(path).search if path is not None else None


def _document(answer: Answer) -> Any:
    try:
        return answer.document
    except ValueError:
        return None
