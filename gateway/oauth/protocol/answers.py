"""Token answers, read as their entry has them (RFC 6749, 5.1, and what vendors made of it). Pure.

Fails closed: what cannot be a token is none, and what would lead a token to a host of somebody else's is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gateway.oauth.protocol.bodies import at, document_of, text_at
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.lifetimes import access_expires_at_us, refresh_expires_at_us
from gateway.oauth.protocol.refusals import refusal, said_code
from gateway.oauth.protocol.values import SecondTokens, Tokens
from gateway.providers.oauth.hosts import host_of, kept_fault, leading
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import Kept, SecondToken
from gateway.providers.oauth.templates import named

NOTHING: Mapping[str, str] = {}
MAX_TOKEN = 32 * 1024
MAX_KEPT = 4 * 1024
MAX_SCOPES = 500
MAX_SCOPE = 500
# Tokens that are no good without a proof of their own with each call (RFC 9449 and older).
_PROVEN = frozenset({"dpop", "mac", "pop", "hok"})


def read_tokens(
    oauth: OAuth,
    status: int,
    content_type: str,
    body: bytes,
    now_us: int,
    *,
    known: Mapping[str, str] = NOTHING,
    secrets: Collection[str] = (),
    retry_after_seconds: float | None = None,
) -> Tokens:
    """The tokens of an answer. `known` is kept already, `secrets` are what was sent: no error repeats them.

    Raises `ProviderRefused` where the provider says no, `ProviderUnavailable` for 429, 5xx and what is like them,
    `ProviderAnswerInvalid` for a success that is none; nothing else, whatever came.
    """
    document = _readable(content_type, body) if status >= 400 else document_of(content_type, body)
    if status == 429 or status >= 500:
        code = said_code(oauth.answer, status, document, secrets=secrets)
        raise ProviderUnavailable(
            f"the provider answered with status {status}" + (f" ({code})" if code else ""),
            retry_after_seconds=retry_after_seconds,
            was_sent=status != 429,
        )
    refused = refusal(oauth.answer, status, document, secrets=secrets)
    if refused is not None:
        raise refused
    assert document is not None
    if not 200 <= status < 300:
        raise ProviderAnswerInvalid(f"the provider answered with status {status}, and not with tokens")
    return _tokens(oauth, document, known, now_us)


def _readable(content_type: str, body: bytes) -> Mapping[str, Any] | None:
    try:
        return document_of(content_type, body)
    except ProviderAnswerInvalid:
        return None


def _tokens(oauth: OAuth, document: Mapping[str, Any], known: Mapping[str, str], now_us: int) -> Tokens:
    answer = oauth.answer
    said = document if answer.root is None else at(answer.root, document)
    if not isinstance(said, dict):
        raise ProviderAnswerInvalid(f"the provider's answer has no {answer.root}")
    kept = dict(_kept(answer.keep, document))
    _require_hosts(oauth, {*known, *kept})
    first = _token(said.get("access_token"), "access_token")
    second = _second(oauth, answer.second_token, said)
    scopes = _scopes(oauth, said.get(answer.scope_field))
    refresh_token = _token(said.get("refresh_token"), "refresh_token")
    if first is None:
        if second is None or answer.second_token is None:
            raise ProviderAnswerInvalid("the provider's answer holds no access_token")
        # Where a person alone agreed, there is a token for them and none for the app.
        said = at(answer.second_token.root, said)
        first, refresh_token, scopes, second = second.access_token, second.refresh_token, second.scopes, None
    return Tokens(
        access_token=first,
        token_type=_token_type(said.get("token_type")),
        refresh_token=refresh_token,
        id_token=_token(said.get("id_token"), "id_token"),
        expires_at_us=access_expires_at_us(oauth, said, now_us=now_us),
        refresh_expires_at_us=refresh_expires_at_us(oauth, said, now_us=now_us),
        scopes=scopes,
        kept={name: value for name, value in kept.items() if not answer.keep[name].secret},
        secret_kept={name: value for name, value in kept.items() if answer.keep[name].secret},
        second=second,
        document=document,
    )


def _second(oauth: OAuth, where: SecondToken | None, said: Mapping[str, Any]) -> SecondTokens | None:
    inner = at(where.root, said) if where is not None else None
    if where is None or not isinstance(inner, dict):
        return None
    token = _token(at(where.access_token, inner), "second access_token")
    if token is None:
        return None
    return SecondTokens(
        access_token=token,
        refresh_token=_token(at(where.refresh_token, inner), "second refresh_token"),
        scopes=_scopes(oauth, at(where.scope, inner)),
        account_id=text_at(where.account_id, inner) if where.account_id is not None else None,
    )


def _token(value: object, name: str) -> str | None:
    """A token: visible ASCII (RFC 6749, A.12), since it goes into a header; None where there is none."""
    if value is None or value == "" or value is False:
        return None
    if not isinstance(value, str) or len(value) > MAX_TOKEN or not value.isascii() or not value.isprintable():
        raise ProviderAnswerInvalid(f"the provider's {name} is too long, or no text that can stand in a header")
    return value


def _token_type(value: object) -> str:
    """A word for people: how calls carry the token is said by the entry. Raises where that cannot suffice."""
    if not isinstance(value, str) or not 0 < len(value) <= 40 or not value.isprintable():
        return "Bearer"
    if value.lower() in _PROVEN:
        raise ProviderAnswerInvalid(f"the provider gave a token of the type {value}, which calls here cannot prove")
    return value


def _scopes(oauth: OAuth, value: object) -> tuple[str, ...] | None:
    """The scopes granted, each once; None where the answer does not say. A list is taken from whoever sends one."""
    if isinstance(value, str) and not oauth.answer.scope_is_array:
        value = value.split(oauth.answer.scope_separator)
    elif isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    found = tuple(dict.fromkeys(one.strip() for one in value if one.strip()))
    if len(found) > MAX_SCOPES or any(len(one) > MAX_SCOPE or not one.isprintable() for one in found):
        raise ProviderAnswerInvalid(f"the provider's answer has more than {MAX_SCOPES} scopes, or one that is none")
    return found


def _kept(keep: Mapping[str, Kept], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the entry keeps of the answer, judged; what is not there is left out."""
    for name, one in keep.items():
        value = text_at(one.path, document)
        if value is not None and not (one.under or one.pattern):
            # It leads nowhere: a name with a blank of its own is still a name.
            value = "".join(each if each.isprintable() else " " for each in value).strip()
        if not value:
            continue
        fault = "is too long" if len(value) > MAX_KEPT else kept_fault(one, value)
        if fault is not None:
            raise ProviderAnswerInvalid(f"the provider's {one.path} {fault}")
        yield name, value


def _require_hosts(oauth: OAuth, names: set[str]) -> None:
    """That it is known where the API is, where the answer alone says it."""
    base_url = oauth.api.base_url or ""
    needed = {leading(base_url), *named(host_of(base_url))} & oauth.answer.keep.keys()
    for name in sorted(one for one in needed - names if one is not None):
        raise ProviderAnswerInvalid(f"the provider's answer has no {oauth.answer.keep[name].path}, where its API is")
