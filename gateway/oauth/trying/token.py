"""Trying the token of a grant: by the call of its provider's entry, else by the first list of its API."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clients.auth.base import TokenSource
from gateway.clients.stripping import without
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.calling.plan import ApiPlan
from gateway.oauth.protocol.check import Checked, check
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.sockets import sockets_of
from gateway.oauth.protocol.values import AccountFacts, App
from gateway.oauth.trying.attempt import Finding, Trial, attempt, judge_for, milliseconds_since
from gateway.oauth.trying.request import request_of_key
from gateway.oauth.vault import ACCESS_TOKEN
from gateway.providers import Provider


def try_token(
    installation: Installation,
    provider: Provider,
    app: App,
    plan: ApiPlan,
    source: TokenSource,
    *,
    sealed: Mapping[str, str],
    kept: Mapping[str, str],
    account: AccountFacts,
) -> Trial:
    """Whether the token of `source` is taken; tried again where there is another one after a refusal.

    Raises what `source` raises.
    """
    http, clock = http_of(installation), installation.clock
    began = clock.monotonic()

    def checked(token: str) -> Checked:
        return check(
            app,
            endpoints(app, http, clock, kept=kept),
            http,
            sockets=sockets_of(installation),
            secrets={**sealed, ACCESS_TOKEN: token},
            kept=kept,
            account_id=account.id,
            judge=judge_for(provider),
            now_us=clock.now_us(),
        )

    try:
        token = source.token()
        found = checked(token)
        if found.works is False and source.renew(token):
            token = source.token()
            found = checked(token)
    except (ProviderUnavailable, ProviderAnswerInvalid) as error:
        return Trial(finding=Finding.UNCLEAR, detail=str(error), duration_ms=milliseconds_since(clock, began))
    if found.works is None:
        return _by_list(installation, provider, app, plan) or Trial(finding=Finding.UNTRIED, detail=found.detail)
    return Trial(
        finding=_meant(found),
        status=found.status,
        detail=None if found.detail is None else without(found.detail, (token,)),
        account=account if found.works else AccountFacts(),
        duration_ms=milliseconds_since(clock, began),
    )


def _by_list(installation: Installation, provider: Provider, app: App, plan: ApiPlan) -> Trial | None:
    api = provider.api
    if api is None:
        return None
    try:
        given = {name: app.parameters[name] for name in api.parameters if name in app.parameters}
        call = request_of_key(provider, given)
    except InvalidInput:
        return None
    if call is None:
        return None
    return attempt(http_of(installation), plan, call, judge=judge_for(provider), oauth=None, clock=installation.clock)


def _meant(found: Checked) -> Finding:
    if not found.works:
        return Finding.REFUSED
    # A token that is taken, with words to it: it may not ask that.
    return Finding.WORKS if found.detail is None else Finding.NOT_ALLOWED
