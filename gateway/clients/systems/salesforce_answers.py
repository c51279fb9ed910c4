"""What Salesforce's answers mean: errors of calls and of single records, and its limits. Pure, but for what it keeps.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    FailedCall,
    IntegrationError,
    QuotaExhausted,
    RateLimited,
    RemoteConflict,
    RemoteNotFound,
    RequestRefused,
    ResponseInvalid,
    Unavailable,
)
from gateway.clients.judging import by_status, excerpt, explain_not_json, failure, kinds_of
from gateway.clients.values import Answer

LIMIT_PAUSE_SECONDS: Final = 900.0
"""How long an organisation that used up its calls is left alone: the limit is one of 24 hours that move."""

KINDS: Final = kinds_of(
    (RateLimited, "REQUEST_LIMIT_EXCEEDED"),
    (Unavailable, "UNABLE_TO_LOCK_ROW SERVER_UNAVAILABLE"),
    (AuthenticationFailed, "INVALID_SESSION_ID INVALID_AUTH_HEADER"),
    (
        AuthorizationFailed,
        "API_CURRENTLY_DISABLED API_DISABLED_FOR_ORG INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY "
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    ),
    (RemoteNotFound, "NOT_FOUND ENTITY_IS_DELETED INVALID_QUERY_LOCATOR"),
    (RemoteConflict, "DUPLICATE_VALUE DUPLICATES_DETECTED DUPLICATE_EXTERNAL_ID"),
    (QuotaExhausted, "STORAGE_LIMIT_EXCEEDED"),
)

_HINTS: Final = {
    "INVALID_SESSION_ID": "the token ended, or is of another instance than this URL, or its session is bound to "
    "another address, or API Access Control does not let the app in",
    "INVALID_QUERY_LOCATOR": "the rest of this query is no longer kept: ask it again from the beginning",
    "REQUEST_LIMIT_EXCEEDED": "the organisation's calls of the last 24 hours are used up",
}
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of the organisation in the last 24 hours, as the last answer told."""

    used: int
    limit: int


class SalesforceJudge:
    """Judges answers, and keeps what the last one told of the organisation's limit (`Sforce-Limit-Info`)."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    def __call__(self, answer: Answer, now: float) -> IntegrationError | None:
        """What `answer` means. Answers about several records are successes here: each record has its own result."""
        found = _USAGE.search(answer.headers.get("sforce-limit-info", ""))
        if found:
            self.usage = Usage(int(found[1]), int(found[2]))
        if answer.status == 300:
            return failure(
                RemoteConflict, "several records have this external id (status 300)", replace(answer, body=b"")
            )
        error = by_status(answer, now)
        if error is None:
            is_page = answer.media_type == "text/html" or (
                answer.media_type == "application/json" and answer.body and not _is_json(answer)
            )
            return failure(ResponseInvalid, explain_not_json(answer), answer) if is_page else None
        said = first_error(_document(answer))
        if said is None:
            return error
        found_error = error_of(said, status=answer.status, kind=type(error))
        found_error.call = replace(found_error.call, request_id=error.call.request_id)
        if not is_overrun(said):
            found_error.retry_after_seconds = error.retry_after_seconds
        elif error.retry_after_seconds is not None:
            found_error.retry_after_seconds = max(LIMIT_PAUSE_SECONDS, error.retry_after_seconds)
        return found_error


def error_of(
    said: Mapping[str, Any], *, status: int | None, kind: type[IntegrationError] = RequestRefused
) -> IntegrationError:
    """The error that `said` tells of, of `kind` where its code decides nothing."""
    code = said.get("errorCode") or said.get("statusCode")
    code = code if isinstance(code, str) else None
    kind = KINDS.get(code, kind) if code is not None else kind
    fields = said.get("fields")
    names = [str(field) for field in fields][:10] if isinstance(fields, list) else []
    text = excerpt(str(said.get("message") or ""))
    where = f" at {excerpt(', '.join(names))}" if names else ""
    message = f"{excerpt(code) if code else 'refused'}{where}: {text}"
    wait = None
    if is_overrun(said):
        wait = LIMIT_PAUSE_SECONDS
    if code in _HINTS and (code != "REQUEST_LIMIT_EXCEEDED" or wait is not None):
        message += f" ({_HINTS[code]})"
    # A row that could not be locked was rolled back: nothing happened.
    happened = (status or 0) >= 500
    call = FailedCall(
        status=status, vendor_code=excerpt(code) if code else None, excerpt=text, may_have_happened=happened
    )
    return kind(message, call=call, retry_after_seconds=wait)


def is_overrun(said: Mapping[str, Any]) -> bool:
    """Whether the limit of 24 hours is used up; too many calls at the same time pass by themselves."""
    code = said.get("errorCode") or said.get("statusCode")
    return code == "REQUEST_LIMIT_EXCEEDED" and "Concurrent" not in str(said.get("message") or "")


def first_error(document: object) -> Mapping[str, Any] | None:
    """The first error of an answer: of a list, of a result's `errors`, or the answer itself."""
    if isinstance(document, Mapping) and isinstance(document.get("errors"), list):
        document = document["errors"]
    if isinstance(document, list):
        document = document[0] if document else None
    is_error = isinstance(document, Mapping) and ("errorCode" in document or "statusCode" in document)
    return document if is_error else None  # type: ignore[return-value]


def _is_json(answer: Answer) -> bool:
    try:
        answer.document  # noqa: B018
    except ValueError:
        return False
    return True


def _document(answer: Answer) -> Any:
    return answer.document if _is_json(answer) else None
