"""What an answer of a FHIR server means, by its status and the OperationOutcome in it. Pure.

https://hl7.org/fhir/R4/operationoutcome.html and https://hl7.org/fhir/R4/valueset-issue-type.html. What a server
writes in words (`diagnostics`, `details`, pages of HTML) may tell of a patient, and is never quoted: of an outcome only
codes of FHIR's own list and names of elements go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    IntegrationError,
    RateLimited,
    RemoteConflict,
    RemoteNotFound,
    RequestRefused,
    ResponseInvalid,
    Unavailable,
)
from gateway.clients.judging import by_status, explain_not_json, failure, kinds_of
from gateway.clients.values import Answer
from gateway.clients.waits import STANDARD_WAITS, wait_seconds

MAX_EXPRESSIONS: Final = 5

KINDS: Final = kinds_of(
    (RateLimited, "throttled"),
    (Unavailable, "transient lock-error timeout no-store incomplete exception"),
    (AuthenticationFailed, "login unknown expired"),
    (AuthorizationFailed, "security forbidden suppressed"),
    (RemoteNotFound, "not-found deleted"),
    (RemoteConflict, "conflict duplicate multiple-matches"),
    (
        RequestRefused,
        "invalid structure required value invariant processing not-supported too-long code-invalid extension "
        "too-costly business-rule",
    ),
)
PASSING: Final = frozenset({"throttled", "transient", "lock-error", "timeout", "no-store", "incomplete"})
"""What the same call may get past a little later, whatever the status says."""

_UNDECIDED: Final = frozenset({"timeout", "incomplete"})
# Statuses that say by themselves what no issue changes.
_FINAL: Final = frozenset({401, 403, 404, 410})
# Names and positions, no conditions: `Patient.identifier.where(value='…')` holds what it looks for.
_EXPRESSION = re.compile(r"[A-Za-z]\w{0,63}(?:(?:\.[A-Za-z]\w{0,63})|(?:\[\d{1,6}\])){0,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an outcome: FHIR's words for how grave it is and what it is, and where (element names only)."""

    severity: str
    code: str
    expressions: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it says that what was asked did not happen."""
        return self.severity in {"fatal", "error"}


def issues_of(document: object) -> tuple[Issue, ...]:
    """The issues of an OperationOutcome, in order; empty for anything else. Unknown codes are `other`."""
    if not isinstance(document, Mapping) or document.get("resourceType") != "OperationOutcome":
        return ()
    return tuple(_issues(document.get("issue")))


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """What `answer` means; also errors that come inside a success."""
    error = by_status(answer, now)
    document = _document(answer)
    if error is None:
        if answer.body and document is None:
            return failure(ResponseInvalid, explain_not_json(answer), _wordless(answer))
        issues = issues_of(document)
        worst = _worst(issues)
        if worst is None or not worst.is_error:
            return None
        return _failed(KINDS.get(worst.code, RequestRefused), worst, issues, answer, now)
    issues = issues_of(document)
    worst = _worst(issues)
    kind = type(error)
    if worst is not None and worst.code in PASSING and answer.status not in _FINAL:
        kind = KINDS[worst.code]
    return _failed(kind, worst, issues, answer, now, otherwise=error.retry_after_seconds)


def _failed(
    kind: type[IntegrationError],
    worst: Issue | None,
    issues: tuple[Issue, ...],
    answer: Answer,
    now: float,
    *,
    otherwise: float | None = None,
) -> IntegrationError:
    wait = otherwise
    if wait is None and kind.retryable:
        wait = wait_seconds(answer.headers, STANDARD_WAITS, now=now)
    message = f"the server answers {answer.status}"
    if worst is not None:
        message += f", {worst.code}"
        places = [place for issue in issues for place in issue.expressions][:MAX_EXPRESSIONS]
        message += f" at {', '.join(places)}" if places else ""
    error = failure(
        kind, message, _wordless(answer), vendor_code=worst.code if worst else None, retry_after_seconds=wait
    )
    # A lock that was not got, or a limit, says that nothing was done; a server that broke off does not.
    happened = answer.status >= 500 or (worst is not None and worst.code in _UNDECIDED)
    error.call = replace(error.call, may_have_happened=happened)
    return error


def _worst(issues: tuple[Issue, ...]) -> Issue | None:
    return next((issue for issue in issues if issue.is_error), issues[0] if issues else None)


def _issues(found: object) -> Iterator[Issue]:
    for issue in found if isinstance(found, list) else []:
        if isinstance(issue, Mapping):
            code = issue.get("code")
            severity = issue.get("severity")
            places = issue.get("expression") or issue.get("location")
            yield Issue(
                severity if severity in {"fatal", "error", "warning", "information"} else "error",
                code if isinstance(code, str) and (code in KINDS or code == "informational") else "other",
                tuple(
                    place
                    for place in (places if isinstance(places, list) else [])
                    if isinstance(place, str) and _EXPRESSION.fullmatch(place)
                ),
            )


def _wordless(answer: Answer) -> Answer:
    """`answer` without its body: nothing of it can be quoted then."""
    return replace(answer, body=b"")


def _document(answer: Answer) -> Any:
    try:
        return answer.document
    except ValueError:
        return None
