"""Carrying out the request that tries credentials, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.clients.described.judging import judge_of
from gateway.clients.errors import AuthenticationFailed, AuthorizationFailed, IntegrationError
from gateway.clients.judging import Judge, by_status
from gateway.clients.stripping import without
from gateway.clients.values import Answer, Call, Headers
from gateway.clock import MICROSECONDS, Clock
from gateway.oauth.calling.plan import ApiPlan
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.http import Http, HttpRequest
from gateway.oauth.protocol.values import AccountFacts
from gateway.oauth.trying.request import account_in, tells_account
from gateway.providers import Provider
from gateway.providers.oauth.model import OAuth


class Finding(StrEnum):
    """What a trial says of the credentials."""

    WORKS = "works"  # the provider answered well
    REFUSED = "refused"  # the provider does not take them
    NOT_ALLOWED = "not_allowed"  # it takes them, and they may not do this
    UNCLEAR = "unclear"  # no answer, or one that says nothing of them
    UNTRIED = "untried"  # the catalogue has no request for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`status` None: there was no answer. `detail` is words for a person, without any secret."""

    finding: Finding
    status: int | None = None
    detail: str | None = None
    account: AccountFacts = field(default_factory=AccountFacts)
    duration_ms: int = 0


def judge_for(provider: Provider) -> Judge:
    """What tells failures of a provider."""
    return by_status if provider.api is None else judge_of(provider.api)


def attempt(
    http: Http,
    plan: ApiPlan,
    call: Call,
    *,
    judge: Judge,
    oauth: OAuth | None,
    clock: Clock,
) -> Trial:
    """Send `call` as `plan` has calls, again where it gets other credentials after a refusal. Raises what its `auth`
    raises. `oauth` says whose account an answer tells of.
    """
    credentials = plan.auth
    given = {name.lower() for name, _ in call.headers}
    call = call.with_headers(*((name, value) for name, value in plan.headers.items() if name.lower() not in given))
    began = clock.monotonic()
    sent = credentials.apply(call)
    try:
        answer = _sent(http, sent)
        if answer.status == 401 and credentials.refused(sent):
            sent = credentials.apply(call)
            answer = _sent(http, sent)
    except (ProviderUnavailable, ProviderAnswerInvalid) as error:
        return Trial(finding=Finding.UNCLEAR, detail=str(error), duration_ms=milliseconds_since(clock, began))
    fault = judge(answer, clock.now_us() / MICROSECONDS)
    duration_ms = milliseconds_since(clock, began)
    if fault is not None:
        detail = without(str(fault), credentials.secrets(sent))
        return Trial(finding=_meant(fault), status=answer.status, detail=detail, duration_ms=duration_ms)
    return _judged_by_account(answer, oauth, duration_ms)


def _judged_by_account(answer: Answer, oauth: OAuth | None, duration_ms: int) -> Trial:
    try:
        account = account_in(oauth, answer.document if answer.body else None)
    except ValueError:
        detail = "the answer is a success, and no JSON"
        return Trial(finding=Finding.UNCLEAR, status=answer.status, detail=detail, duration_ms=duration_ms)
    if account.id is None and tells_account(oauth):
        detail = "the answer is a success, and tells of no account"
        return Trial(finding=Finding.UNCLEAR, status=answer.status, detail=detail, duration_ms=duration_ms)
    return Trial(finding=Finding.WORKS, status=answer.status, account=account, duration_ms=duration_ms)


def _sent(http: Http, call: Call) -> Answer:
    answer = http.send(HttpRequest(call.method, call.full_url, call.headers, call.body))
    return Answer(answer.status, Headers(tuple(answer.headers.items())), answer.body)


def _meant(error: IntegrationError) -> Finding:
    if isinstance(error, AuthenticationFailed):
        return Finding.REFUSED
    return Finding.NOT_ALLOWED if isinstance(error, AuthorizationFailed) else Finding.UNCLEAR


def milliseconds_since(clock: Clock, began: float) -> int:
    """How long it took, by the steady clock."""
    return round((clock.monotonic() - began) * 1000)
