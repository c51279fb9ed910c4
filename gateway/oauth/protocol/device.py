"""Connecting where there is no browser: a code that a person enters on any other machine (RFC 8628)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway.clock import MICROSECONDS
from gateway.oauth.protocol import names
from gateway.oauth.protocol.bodies import document_of, text_at
from gateway.oauth.protocol.client_authentication import proof
from gateway.oauth.protocol.encoding import body_of, merged
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import Http, HttpRequest, require_served
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.refusals import refusal
from gateway.oauth.protocol.scopes import asked_for, by_parameter
from gateway.oauth.protocol.tokens import token_answer
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from gateway.providers.oauth.hosts import url_fault
from gateway.providers.oauth.model import Answer, Authorize, Grant
from gateway.providers.oauth.templates import filled_all

GRANT = "device_code"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
STARTING_SECONDS = 5
SLOWER_SECONDS = 5
SLOWEST_SECONDS = 60
LONGEST_SECONDS = 3600
# Vendors were there before the standard: Google says verification_url.
_ADDRESSES = ("verification_uri", "verification_url")
_WHOLE_ADDRESSES = ("verification_uri_complete", "verification_url_complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """One that is under way. `user_code` is entered at `address`, or known already at `whole_address`.

    `interval_seconds` is how long to wait before the next `poll`.
    """

    device_code: str = field(repr=False)
    user_code: str
    address: str
    whole_address: str | None = None
    expires_at_us: int
    interval_seconds: int = STARTING_SECONDS


def begin(app: App, endpoints: Endpoints, http: Http, *, scopes: Iterable[str], now_us: int) -> DeviceLogin:
    """Ask for a code. Without `scopes` those of the entry's grant are asked for.

    Raises `ProviderError`, also where the provider has no such endpoint.
    """
    if endpoints.device is None:
        raise ProviderAnswerInvalid("the provider names no endpoint for devices")
    oauth, grant = app.oauth, app.oauth.grants.get(GRANT, Grant())
    asked = asked_for(oauth, endpoints, tuple(scopes) or grant.scopes)
    made = proof(app, endpoints, endpoints.token_authentication, now_us=now_us)
    identity = {oauth.token.client_id_parameter: names.at_start(app)["client_id"]}
    body, typed = body_of("form", {**identity, **by_parameter(oauth.authorize or Authorize(), asked), **made.fields})
    answer = http.send(HttpRequest("POST", endpoints.device, merged(dict(typed), made.headers), body))
    require_served(answer, "the provider gave no code for a device, and answered", now_us=now_us)
    document = document_of(answer.content_type, answer.body)
    refused = refusal(Answer(), answer.status, document, secrets=tuple(app.secrets.values()))
    if refused is not None:
        raise refused
    return _read(document, now_us)


def poll(app: App, endpoints: Endpoints, http: Http, login: DeviceLogin, *, now_us: int) -> Tokens | DeviceLogin:
    """The tokens, or the login to wait with further: not before its `interval_seconds` are over.

    Raises `ProviderRefused` with `expired_token` or `access_denied`, and what else ends it; `ProviderAnswerInvalid`.
    """
    if now_us >= login.expires_at_us:
        raise ProviderRefused("expired_token", "nobody entered the code in time")
    values = known(app)
    grant = app.oauth.grants.get(GRANT, Grant())
    fields = {"grant_type": GRANT_TYPE, "device_code": login.device_code, **filled_all(grant.parameters, values)}
    try:
        return token_answer(app, endpoints, http, fields, values=values, sent=(login.device_code,), now_us=now_us)
    except ProviderRefused as refused:
        if refused.error == "authorization_pending":
            return login
        if refused.error == "slow_down":
            return _slower(login, login.interval_seconds + SLOWER_SECONDS)
        raise
    except ProviderUnavailable:
        # RFC 8628, 3.5: who gets no answer asks less often.
        return _slower(login, login.interval_seconds * 2)


def _slower(login: DeviceLogin, seconds: int) -> DeviceLogin:
    return replace(login, interval_seconds=max(login.interval_seconds, min(seconds, SLOWEST_SECONDS)))


def _read(document: Mapping[str, object], now_us: int) -> DeviceLogin:
    device_code, user_code = document.get("device_code"), document.get("user_code")
    address = _address(document, _ADDRESSES)
    lifetime = _seconds(document.get("expires_in"), LONGEST_SECONDS)
    if not isinstance(device_code, str) or not device_code or address is None or lifetime is None:
        raise ProviderAnswerInvalid("the provider gave no code for a device that can be used")
    if not isinstance(user_code, str) or not 0 < len(user_code) <= 64 or not user_code.isprintable():
        raise ProviderAnswerInvalid("the provider gave no code that a person could enter")
    return DeviceLogin(
        device_code=device_code,
        user_code=user_code,
        address=address,
        whole_address=_address(document, _WHOLE_ADDRESSES),
        expires_at_us=now_us + lifetime * MICROSECONDS,
        interval_seconds=_seconds(document.get("interval"), SLOWEST_SECONDS) or STARTING_SECONDS,
    )


def _address(document: Mapping[str, object], names: Iterable[str]) -> str | None:
    """One that a person can be sent to: HTTPS, or of this machine."""
    found = next((text for name in names if (text := text_at(name, document))), None)
    if found is None or url_fault(found.partition("?")[0].partition("#")[0], plain_http=True) is not None:
        return None
    return found if found.isprintable() and len(found) <= 2048 else None


def _seconds(value: object, most: int) -> int | None:
    """A number of seconds, at most `most`; None where there is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:10])
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return round(max(min(value, most), 1))
