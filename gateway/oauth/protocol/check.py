"""Whether a connection works: by the entry's call that changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.clients.errors import AuthenticationFailed, AuthorizationFailed
from gateway.clients.judging import Judge, by_status
from gateway.clients.values import Answer, Headers
from gateway.clock import MICROSECONDS
from gateway.content import jsontext
from gateway.oauth.protocol.asking import INVALID_TOKEN, raise_for_status
from gateway.oauth.protocol.bodies import at
from gateway.oauth.protocol.calls import send_call
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.sockets import Sockets
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.templates import url_of

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check. `works` None: the entry names no call that would tell. `detail` is for a person, `status`
    that of the answer, None over a socket.
    """

    works: bool | None
    detail: str | None = None
    status: int | None = None


def check(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    sockets: Sockets,
    secrets: Mapping[str, str],
    kept: Mapping[str, str] = NOTHING,
    account_id: str | None = None,
    judge: Judge = by_status,
    now_us: int,
) -> Checked:
    """Whether the access token among `secrets` (the vault's fields of a connection) is taken. `judge` finds the errors
    that the provider says inside of a success.

    One with which the API allows too little works. Raises `ProviderUnavailable`, `ProviderAnswerInvalid`.
    """
    values = known(app, kept=kept, secrets=secrets, account_id=account_id)
    account, asked = app.oauth.account, _asked(app, endpoints)
    if asked is None:
        return Checked(works=None, detail="the entry of the provider names no call that would tell")
    call, endpoint = asked
    is_account = account is not None and call is account.call
    send = account.send or "" if account is not None and is_account else ""
    status = None
    try:
        if account is not None and is_account and account.source == "websocket":
            sockets.ask(url_of(call.url or "", values), access_token=secrets["access_token"], command=send)
            return Checked(works=True)
        answer = send_call(
            app,
            call,
            endpoints,
            http,
            values={**values, "token": secrets.get("access_token", ""), "token_type_hint": "access_token"},
            now_us=now_us,
            endpoint=endpoint,
            fields={"query": send} if send else {},
            token_secret=secrets.get("token_secret"),
        )
        status = answer.status
        raise_for_status(answer, now_us=now_us)
    except ProviderRefused as refused:
        return Checked(works=refused.error != INVALID_TOKEN, detail=refused.description, status=status)
    is_introspection = app.oauth.introspection is not None and call is app.oauth.introspection.call
    if is_introspection and at("active", jsontext.parse(answer.body)) is False:
        return Checked(works=False, detail="it does not know the token", status=status)
    fault = judge(Answer(answer.status, Headers(tuple(answer.headers.items())), answer.body), now_us / MICROSECONDS)
    if isinstance(fault, AuthenticationFailed):
        return Checked(works=False, detail=str(fault), status=status)
    if isinstance(fault, AuthorizationFailed):
        return Checked(works=True, detail=str(fault), status=status)
    if fault is not None:
        raise ProviderAnswerInvalid(f"the provider answered with an error inside of a success: {fault}")
    return Checked(works=True, status=status)


def _asked(app: App, endpoints: Endpoints) -> tuple[Call, str | None] | None:
    """The call, and where it goes without a URL of its own; by introspection where there is no other."""
    call, introspection = app.oauth.check_call, app.oauth.introspection
    if call is not None and (call.url is not None or endpoints.userinfo is not None):
        return call, endpoints.userinfo
    if introspection is not None and (introspection.call.url is not None or endpoints.introspection is not None):
        return introspection.call, endpoints.introspection
    return None
