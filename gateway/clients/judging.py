"""Whether an answer is a success, and if not, what it means. Pure.

The status decides where a system keeps to HTTP; systems that say errors inside 200, or mean something else by a status,
have a `Judge` of their own, which asks `by_status` for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    FailedCall,
    IntegrationError,
    ProtocolFault,
    RateLimited,
    RemoteConflict,
    RemoteNotFound,
    RequestRefused,
    Unavailable,
)
from gateway.clients.stripping import CUT
from gateway.clients.values import Answer
from gateway.clients.waits import STANDARD_WAITS, WaitHeader, wait_seconds
from gateway.security.redaction import redact_text

Judge = Callable[[Answer, float], IntegrationError | None]
"""From an answer and the time (seconds since the epoch) to what it means; None for success."""

EXCERPT_CHARACTERS: Final = 200
REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "x-github-request-id",
    "request-id",
    "x-correlation-id",
    "x-hubspot-correlation-id",
    "x-amzn-requestid",
)

_BY_STATUS: Final[dict[int, tuple[type[IntegrationError], str]]] = {
    400: (RequestRefused, "the system refuses the request as it is"),
    401: (AuthenticationFailed, "the system does not take our credentials"),
    402: (AuthorizationFailed, "the system wants to be paid first"),
    403: (AuthorizationFailed, "our credentials may not do this"),
    404: (RemoteNotFound, "the system has no such thing, or does not show it to us"),
    405: (RequestRefused, "the system has no such method there"),
    406: (RequestRefused, "the system does not answer in the form that was asked for"),
    408: (Unavailable, "the system did not get the whole request in its time"),
    409: (RemoteConflict, "it is in conflict with what the system has"),
    410: (RemoteNotFound, "it is gone"),
    412: (RemoteConflict, "it changed meanwhile"),
    413: (RequestRefused, "the request is too large for the system"),
    415: (RequestRefused, "the system does not take this content type"),
    422: (RequestRefused, "the system refuses what was sent"),
    423: (RemoteConflict, "it is locked"),
    425: (Unavailable, "the system wants it again, later"),
    428: (RemoteConflict, "the system wants to know which version is meant"),
    429: (RateLimited, "too many calls"),
}


def by_status(answer: Answer, now: float, *, said_in: Sequence[WaitHeader] = STANDARD_WAITS) -> IntegrationError | None:
    """What the status says. 403 counts as a limit where the system says when to come back."""
    status = answer.status
    if 200 <= status < 300 or status == 304:
        return None
    wait = wait_seconds(answer.headers, said_in, now=now) if status in {403, 429} or status >= 500 else None
    kind, message = _BY_STATUS.get(status, (RequestRefused, "the system refuses the request"))
    if status == 403 and wait is not None:
        kind, message = RateLimited, "too many calls"
    elif status >= 500:
        kind, message = Unavailable, "the system cannot now" if status != 501 else "the system cannot do this"
    elif status < 200 or 300 <= status < 400:
        kind, message = ProtocolFault, "the system leads elsewhere, where credentials are not taken"
    return failure(kind, f"{message} (status {status})", answer, retry_after_seconds=wait)


def kinds_of(*rows: tuple[type[IntegrationError], str]) -> Mapping[str, type[IntegrationError]]:
    """What a system's codes mean, of rows that have an error and its codes with blanks between."""
    return {code: kind for kind, codes in rows for code in codes.split()}


def failure(
    kind: type[IntegrationError],
    message: str,
    answer: Answer,
    *,
    vendor_code: str | None = None,
    retry_after_seconds: float | None = None,
) -> IntegrationError:
    """An error of `kind` with what `answer` says about it."""
    code, said = told(answer)
    vendor_code = vendor_code or code
    text = f"{message}: {said}" if said else message
    happened = issubclass(kind, Unavailable)
    call = FailedCall(
        status=answer.status,
        vendor_code=vendor_code,
        request_id=request_id(answer),
        excerpt=said,
        may_have_happened=happened,
    )
    return kind(text, call=call, retry_after_seconds=retry_after_seconds)


def request_id(answer: Answer) -> str | None:
    """What the system calls this call, for its support."""
    return next((found for name in REQUEST_ID_HEADERS if (found := request_id_in(answer, name)) is not None), None)


def request_id_in(answer: Answer, header: str) -> str | None:
    """What stands in `header`, where it can be such a name."""
    value = answer.headers.get(header)
    return value if value is not None and len(value) <= 200 and value.isprintable() else None


def told(answer: Answer) -> tuple[str | None, str]:
    """The system's own code and message in an answer that is an error, as most systems write them."""
    if answer.media_type == "text/html":
        return None, ""
    try:
        document = answer.document
    except ValueError:
        return None, excerpt(answer.text)
    return _code_in(document), excerpt(_message_in(document))


def excerpt(text: str) -> str:
    """The beginning of `text` in one line, without secrets that can be recognised."""
    line = re.sub(r"\s+", " ", redact_text(text[: 10 * EXCERPT_CHARACTERS])).strip()
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + CUT


def explain_not_json(answer: Answer) -> str:
    """What is probably wrong when JSON was due and something else came."""
    if answer.media_type in {"text/html", "application/xhtml+xml"} or answer.body.lstrip()[:1] == b"<":
        return (
            "a page for people came where JSON was due: probably the base URL is not the API's, a login is wanted, or "
            "a proxy or captive portal answers in its place"
        )
    if not answer.body:
        return "an empty body came where JSON was due"
    if "json" in answer.media_type:
        return "what came says that it is JSON, and is not, or not all of it"
    return f"JSON was due and {answer.media_type or 'something without a content type'} came"


_MESSAGE_KEYS: Final = ("message", "error_description", "detail", "reason", "title", "diagnostics", "error", "msg")
_CODE_KEYS: Final = ("code", "errorCode", "error_code", "error", "type", "category", "status", "cod")


def _message_in(document: Any) -> str:
    for candidate in _candidates(document):
        for key in _MESSAGE_KEYS:
            value = candidate.get(key)
            if isinstance(value, str) and value:
                return value
        texts = candidate.get("errorMessages")
        if isinstance(texts, list) and texts and isinstance(texts[0], str):
            return texts[0]
    return ""


def _code_in(document: Any) -> str | None:
    for candidate in _candidates(document):
        for key in _CODE_KEYS:
            value = candidate.get(key)
            if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 80:
                return str(value)
    return None


def _candidates(document: Any) -> list[dict[str, Any]]:
    """Where systems put an error: at the top, under `error`, in a list of them."""
    found: list[dict[str, Any]] = []
    if isinstance(document, list):
        document = document[0] if document else None
    if isinstance(document, dict):
        for key in ("error", "errors", "issue", "data"):
            inner = document.get(key)
            if isinstance(inner, list):
                inner = inner[0] if inner else None
            if isinstance(inner, dict):
                found.append(inner)
        found.append(document)
    return found
