"""Ending a grant at the provider: RFC 7009, and the styles of vendors (`providers.oauth.words.REVOCATION`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.oauth.protocol.bodies import document_of
from gateway.oauth.protocol.calls import send_call
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused
from gateway.oauth.protocol.http import Http, HttpAnswer, require_served
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.refusals import refusal
from gateway.oauth.protocol.tokens import refresh
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.templates import names_in

# What providers say of a token that they do not know any more. RFC 7009 (2.2) wants 200 then.
_GONE: Final = frozenset(
    {
        "account_inactive",
        "expired_token",
        "invalid_auth",
        "invalid_grant",
        "invalid_token",
        "not_found",
        "token_expired",
        "token_not_found",
        "token_revoked",
        "unsupported_token_type",
    }
)
# The refresh token first: with it goes all that could be made of it.
_TOKENS: Final = ("refresh_token", "access_token", "second_refresh_token", "second_access_token")
_ACCESS_TOKENS: Final = ("access_token", "second_access_token")


def revoke(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    secrets: Mapping[str, str],
    kept: Mapping[str, str],
    account_id: str | None,
    now_us: int,
) -> bool:
    """End the grant of a connection with `secrets` (the vault's fields). Whether the provider was told.

    False: it has no way for that, or what it has to be told is not known. A token that it does not know any more has
    ended. Raises `ProviderUnavailable` where it is worth trying again, `ProviderRefused` where it is not.
    """
    call = app.oauth.revoke.call if app.oauth.revoke is not None else None
    if call is None or (call.url is None and endpoints.revoke is None):
        return False
    values = known(app, kept=kept, secrets=secrets, account_id=account_id)

    def ask(given: Mapping[str, str]) -> bool:
        said = {**values, **given}
        answer = send_call(app, call, endpoints, http, values=said, now_us=now_us, endpoint=endpoints.revoke)
        return _has_ended(app, call, answer, tuple(secrets.values()), now_us=now_us)

    was_told = False
    for given in _each(call, secrets):
        if not _names(call) <= {*values, *given}:
            continue
        try:
            if (
                not ask(given)
                and given.get("access_token") == secrets.get("access_token")
                and "refresh_token" in secrets
            ):
                # Who calls is said by a token that has ended, and the grant has not: another one says it.
                newer = refresh(app, endpoints, http, secrets=secrets, kept=kept, account_id=account_id, now_us=now_us)
                ask({"access_token": newer.access_token})
        except ProviderRefused as error:
            # Of what goes with a token that has ended already, nothing needs to be heard.
            if not was_told and error.error not in _GONE:
                raise
        was_told = True
    return was_told


def _each(call: Call, secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What stands for the token in each request."""
    names = _names(call)
    if "token" in names:
        for name in _TOKENS:
            if name in secrets:
                yield {"token": secrets[name], "token_type_hint": name.removeprefix("second_")}
    elif "access_token" in names or call.authentication == "token":
        yield from ({"access_token": secrets[name]} for name in _ACCESS_TOKENS if name in secrets)
    else:
        # It names an account, and no token.
        yield {}


def _names(call: Call) -> set[str]:
    """What has to be known for it."""
    texts = (*call.body.values(), *call.query.values(), *call.headers.values())
    return names_in((*texts, call.authorization or "", call.url or ""))


def _has_ended(app: App, call: Call, answer: HttpAnswer, secrets: tuple[str, ...], *, now_us: int) -> bool:
    """Whether the provider took it. False: it does not know the token that is to say who calls.

    Raises as `revoke` does, also for a token that is named and has ended.
    """
    status, oauth = answer.status, app.oauth
    require_served(answer, "the provider answered", now_us=now_us)
    says_who = call.authentication == "token"
    if says_who and status in {401, 403, 404, 410}:
        return False
    if status == 404 and oauth.revoke is not None and oauth.revoke.style in {"json", "form"}:
        return True
    try:
        document = document_of(answer.content_type, answer.body)
    except ProviderAnswerInvalid:
        document = None
    found = refusal(oauth.answer, status, document, secrets=(*app.secrets.values(), *secrets))
    if says_who and isinstance(found, ProviderRefused) and found.error in _GONE:
        return False
    if found is not None:
        raise found
    return True
