"""A call of an entry, sent with a token, and its JSON; refusals are told by the codes of RFC 6750 (3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.content import jsontext
from gateway.oauth.protocol.calls import send_call
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused
from gateway.oauth.protocol.http import Http, HttpAnswer, require_served
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.parts import Call

INVALID_TOKEN = "invalid_token"  # noqa: S105 (a code)
INSUFFICIENT_SCOPE = "insufficient_scope"
NOTHING: Mapping[str, str] = {}


def ask(
    app: App,
    call: Call,
    endpoints: Endpoints,
    http: Http,
    *,
    values: Mapping[str, str],
    now_us: int,
    endpoint: str | None = None,
    fields: Mapping[str, str] = NOTHING,
    token_secret: str | None = None,
) -> Any:
    """The JSON document that answers `call`. The arguments are those of `calls.send_call`.

    Raises `ProviderRefused` for 401 and 403, `ProviderUnavailable` for 429 and 5xx, `ProviderAnswerInvalid` for all
    else that is no document.
    """
    answer = send_call(
        app,
        call,
        endpoints,
        http,
        values=values,
        now_us=now_us,
        endpoint=endpoint,
        fields=fields,
        token_secret=token_secret,
    )
    raise_for_status(answer, now_us=now_us)
    document = jsontext.parse(answer.body)
    if document is jsontext.ABSENT:
        raise ProviderAnswerInvalid("the provider's API answered, and not with JSON")
    return document


def raise_for_status(answer: HttpAnswer, *, now_us: int) -> None:
    """Raise for what is no success."""
    if answer.is_success:
        return
    if answer.status == 401:
        raise ProviderRefused(INVALID_TOKEN, "its API does not take the token")
    if answer.status == 403:
        raise ProviderRefused(INSUFFICIENT_SCOPE, "its API does not allow that with this token")
    require_served(answer, "the provider's API answered", now_us=now_us)
    raise ProviderAnswerInvalid(f"the provider's API answered with status {answer.status}")
