"""What a GraphQL answer means: its errors, which come inside 200 too, and what it cost. Pure.

Codes stand in `extensions.code` (Apollo, Shopify, Linear) or in `type` (GitHub).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gateway.clients import errors
from gateway.clients.errors import IntegrationError
from gateway.clients.judging import Judge, by_status, excerpt, explain_not_json, failure
from gateway.clients.values import Answer
from gateway.clients.waits import LONGEST_SECONDS, STANDARD_WAITS, wait_seconds

KINDS: Final[Mapping[str, type[IntegrationError]]] = {
    "ACCESS_DENIED": errors.AuthorizationFailed,
    "AUTHENTICATION_ERROR": errors.AuthenticationFailed,
    "CONFLICT": errors.RemoteConflict,
    "FORBIDDEN": errors.AuthorizationFailed,
    "INSUFFICIENT_SCOPES": errors.AuthorizationFailed,
    "INTERNAL_SERVER_ERROR": errors.Unavailable,
    "NOT_FOUND": errors.RemoteNotFound,
    "RATELIMITED": errors.RateLimited,
    "RATE_LIMIT": errors.RateLimited,
    "RATE_LIMITED": errors.RateLimited,
    "SERVICE_UNAVAILABLE": errors.Unavailable,
    "THROTTLED": errors.RateLimited,
    "TOO_MANY_REQUESTS": errors.RateLimited,
    "UNAUTHENTICATED": errors.AuthenticationFailed,
}
"""What codes mean; any other one is something that the system does not take."""

TIMEOUT_CODES: Final = frozenset(
    {"DEADLINE_EXCEEDED", "GATEWAY_TIMEOUT", "QUERY_TIMEOUT", "REQUEST_TIMEOUT", "TIMEOUT"}
)
_TIMEOUT_STATUS: Final = frozenset({502, 504})
_TIMEOUT_TEXT = re.compile(r"\btime(?:d\s)?[\s-]?out\b", re.IGNORECASE)
_CODE = re.compile(r"[\w.:/-]{1,80}", re.ASCII)


class QueryTimedOut(errors.Unavailable):
    """A page took the system too long: the same one would again, a smaller one may not."""

    retryable = False


@dataclass(frozen=True, slots=True)
class GraphQLError:
    """One error of an answer. `path` leads to the field in `data` that is missing for it; empty when none does."""

    message: str
    code: str | None = None
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a document cost, in the system's points, and what is left; None for what it does not tell.

    `reset_at` is when all of it is there again, `restore_per_second` how much of it comes back in a second.
    """

    points: float | None = None
    remaining: float | None = None
    limit: float | None = None
    reset_at: datetime | None = None
    restore_per_second: float | None = None


Waits = Callable[[Answer, float], float | None]
"""How long an answer that is a limit asks to be left alone, from it and the time; None when it does not say."""


def standard_waits(answer: Answer, now: float) -> float | None:
    """By headers, or by the points that are missing and how quickly they come back (Shopify)."""
    said = wait_seconds(answer.headers, STANDARD_WAITS, now=now)
    if said is not None:
        return said
    throttle = _at(_document(answer), "extensions", "cost")
    wanted, status = _number(throttle, "requestedQueryCost"), _at(throttle, "throttleStatus")
    there, rate = _number(status, "currentlyAvailable"), _number(status, "restoreRate")
    if wanted is None or there is None or not rate or rate < 0:
        return None
    return min(max(wanted - there, 0.0) / rate, LONGEST_SECONDS)


@dataclass(frozen=True, slots=True)
class GraphQLJudge:
    """A `Judge` of GraphQL answers. `http` judges by status, `waits` says how long limits last.

    `takes_partial`: data with errors beside it is a success. `tells_timeouts`: what took the system too long is
    `QueryTimedOut`, which is not tried again as it is.
    """

    http: Judge = by_status
    waits: Waits = standard_waits
    takes_partial: bool = False
    tells_timeouts: bool = False

    @property
    def taking_partial(self) -> GraphQLJudge:
        """This one, for who takes data with errors beside it."""
        return replace(self, takes_partial=True)

    @property
    def telling_timeouts(self) -> GraphQLJudge:
        """This one, for who can ask for less."""
        return replace(self, tells_timeouts=True)

    def __call__(self, answer: Answer, now: float) -> IntegrationError | None:
        refused = self.http(answer, now)
        found = _document(answer)
        told = errors_of(found)
        if refused is not None:
            return self._refused(refused, answer, told, now)
        if found is None:
            return failure(errors.ResponseInvalid, explain_not_json(answer), answer)
        if not isinstance(found, Mapping) or not ("data" in found or told):
            return failure(
                errors.ResponseInvalid, "the answer is not one of GraphQL: it has no data and no errors", answer
            )
        has_data = _has_data(found)
        if not told:
            # An empty `errors`, and `data` that is null, which no document answers (6.2).
            return (
                None
                if isinstance(found.get("data"), Mapping)
                else failure(errors.ResponseInvalid, "the answer has neither data nor an error", answer)
            )
        if has_data and self.takes_partial:
            return None
        return self._error(answer, told, now, may_have_happened=has_data)

    def _refused(
        self, refused: IntegrationError, answer: Answer, told: tuple[GraphQLError, ...], now: float
    ) -> IntegrationError:
        if answer.status in _TIMEOUT_STATUS and self.tells_timeouts:
            return failure(QueryTimedOut, f"the query took too long (status {answer.status})", answer)
        if not told or answer.status >= 500 or isinstance(refused, errors.RateLimited):
            return refused
        # GraphQL over HTTP, 6.4: errors may come with 4xx too, and say more than it does.
        return self._error(answer, told, now, may_have_happened=False, otherwise=type(refused))

    def _error(
        self,
        answer: Answer,
        told: tuple[GraphQLError, ...],
        now: float,
        *,
        may_have_happened: bool,
        otherwise: type[IntegrationError] = errors.RequestRefused,
    ) -> IntegrationError:
        first = next((one for one in told if one.code in KINDS), told[0])
        kind = KINDS.get(first.code or "", otherwise)
        if kind is otherwise and (first.code in TIMEOUT_CODES or _TIMEOUT_TEXT.search(first.message)):
            kind = QueryTimedOut if self.tells_timeouts else errors.Unavailable
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        wait = self.waits(answer, now) if issubclass(kind, errors.RateLimited) else None
        error = kind(f"the system answers with an error: {first.message}{more}", retry_after_seconds=wait)
        # What it is about is taken from the errors alone: the data beside them may be anybody's.
        known = failure(kind, "", answer, vendor_code=first.code).call
        error.call = replace(
            known,
            vendor_code=first.code,
            excerpt=first.message,
            may_have_happened=known.may_have_happened or may_have_happened,
        )
        return error


def errors_of(document: object) -> tuple[GraphQLError, ...]:
    """The errors of an answer, their messages shortened and without secrets that can be recognised."""
    found = document.get("errors") if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        # Not of the specification, and seen: one error, or a text.
        found = [found] if isinstance(found, Mapping | str) and found else []
    return tuple(_error_of(one) for one in found)


def _error_of(found: object) -> GraphQLError:
    if not isinstance(found, Mapping):
        return GraphQLError(excerpt(str(found)))
    extensions = found.get("extensions")
    codes = [extensions.get("code") if isinstance(extensions, Mapping) else None, found.get("type")]
    usable = [one for one in codes if isinstance(one, str) and _CODE.fullmatch(one)]
    # Of two the one whose meaning is known: GitHub has words of its own in `extensions`.
    code = next((one for one in usable if one in KINDS), usable[0] if usable else None)
    path = found.get("path")
    message = found.get("message")
    return GraphQLError(
        excerpt(message) if isinstance(message, str) and message else "an error without a message",
        code,
        tuple(one for one in path if isinstance(one, str | int)) if isinstance(path, list) else (),
    )


def cost_of(document: object) -> Cost | None:
    """What an answer says of its cost: `extensions.cost` (Shopify), `rateLimit` where it is asked for (GitHub)."""
    told = _at(document, "extensions", "cost")
    if isinstance(told, Mapping):
        actual = _number(told, "actualQueryCost")
        status = _at(told, "throttleStatus")
        return Cost(
            points=actual if actual is not None else _number(told, "requestedQueryCost"),
            remaining=_number(status, "currentlyAvailable"),
            limit=_number(status, "maximumAvailable"),
            restore_per_second=_number(status, "restoreRate"),
        )
    told = _at(document, "data", "rateLimit")
    if isinstance(told, Mapping) and told.keys() & {"cost", "remaining"}:
        return Cost(
            points=_number(told, "cost"),
            remaining=_number(told, "remaining"),
            limit=_number(told, "limit"),
            reset_at=_instant(told.get("resetAt")),
        )
    return None


def _has_data(document: Mapping[str, Any]) -> bool:
    data = document.get("data")
    return isinstance(data, Mapping) and any(value is not None for value in data.values())


def _document(answer: Answer) -> Any:
    try:
        return answer.document
    except ValueError:
        return None


def _at(found: object, *names: str) -> object:
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _number(found: object, name: str) -> float | None:
    value = _at(found, name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else None
