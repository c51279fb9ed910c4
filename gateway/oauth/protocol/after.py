"""The call right after an exchange: a longer-lived token, or what has to be chosen, such as a site or an account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from gateway.oauth.protocol.answers import read_tokens
from gateway.oauth.protocol.asking import ask
from gateway.oauth.protocol.bodies import at, text_at
from gateway.oauth.protocol.calls import send_call
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
from gateway.oauth.protocol.http import Http, retry_after_seconds
from gateway.oauth.protocol.known import known_of
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from gateway.providers.oauth.hosts import kept_fault
from gateway.providers.oauth.model import AfterExchange
from gateway.providers.oauth.parts import Choice

NOTHING: Mapping[str, str] = {}
MAX_OPTIONS = 500
MAX_LABEL = 200
MAX_KEPT = 4 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One that can be chosen: `key` stays the same from answer to answer, `label` is for the person.

    `kept` and `secret_kept` are what is kept of it.
    """

    key: str
    label: str
    kept: Mapping[str, str] = field(default_factory=dict)
    secret_kept: Mapping[str, str] = field(default_factory=dict, repr=False)


class ChoiceNeeded(Exception):
    """The person has to choose one of `options`. `about` is what of, in words of the entry; never an error to show."""

    def __init__(self, about: str, options: tuple[Option, ...]) -> None:
        self.about = about
        self.options = options
        super().__init__(f"one of {len(options)} has to be chosen: {about}")

    def chosen(self, key: str) -> Option | None:
        """The option with this key."""
        return next((one for one in self.options if one.key == key), None)


def after_exchange(
    app: App,
    endpoints: Endpoints,
    tokens: Tokens,
    http: Http,
    *,
    kept: Mapping[str, str] = NOTHING,
    now_us: int,
) -> Tokens:
    """`tokens` with what the entry's call after an exchange gives: a token in the first one's place, further kept
    values. As they are where the entry has no such call. `kept` is what the callback told.

    Raises `ChoiceNeeded`, whose chosen option is given to `with_option`; `ProviderError`.
    """
    after = app.oauth.after_exchange
    if after is None:
        return tokens
    values = known_of(app, tokens, kept=kept)
    if after.replaces_token:
        answer = send_call(app, after.call, endpoints, http, values=values, now_us=now_us)
        newer = read_tokens(
            app.oauth,
            answer.status,
            answer.content_type,
            answer.body,
            now_us,
            known={**kept, **tokens.kept},
            secrets=(tokens.access_token, *app.secrets.values()),
            retry_after_seconds=retry_after_seconds(answer, now_us=now_us),
        )
        return _replaced(tokens, newer)
    document = ask(app, after.call, endpoints, http, values=values, now_us=now_us)
    return with_option(tokens, _option(after, document))


def with_option(tokens: Tokens, option: Option) -> Tokens:
    """`tokens` with what is kept of `option`."""
    return replace(
        tokens,
        kept={**tokens.kept, **option.kept},
        secret_kept={**tokens.secret_kept, **option.secret_kept},
    )


def _replaced(first: Tokens, newer: Tokens) -> Tokens:
    """The newer token, with what only the first answer told: who it is, and how it is renewed."""
    return replace(
        newer,
        refresh_token=newer.refresh_token or first.refresh_token,
        id_token=newer.id_token or first.id_token,
        scopes=first.scopes if newer.scopes is None else newer.scopes,
        kept={**first.kept, **newer.kept},
        secret_kept={**first.secret_kept, **newer.secret_kept},
        second=newer.second or first.second,
        document={**first.document, **newer.document},
    )


def _option(after: AfterExchange, document: Any) -> Option:
    """What is taken without asking. Raises `ChoiceNeeded`."""
    choice = after.choose
    if choice is None:
        return _read(after, document, None)
    found = at(choice.of, document)
    listed = found[:MAX_OPTIONS] if isinstance(found, list) else []
    if not listed:
        raise ProviderAnswerInvalid(f"the provider gives nothing to choose from ({choice.about})")
    preferred = [one for one in listed if at(choice.prefer, one)] if choice.prefer is not None else []
    if len(listed) == 1 or len(preferred) == 1:
        return _read(after, (listed if len(listed) == 1 else preferred)[0], choice)
    raise ChoiceNeeded(choice.about, tuple(_distinct(_read(after, one, choice) for one in listed)))


def _distinct(options: Iterator[Option]) -> Iterator[Option]:
    seen: set[str] = set()
    for option in options:
        if option.key not in seen:
            seen.add(option.key)
            yield option


def _read(after: AfterExchange, element: Any, choice: Choice | None) -> Option:
    kept: dict[str, str] = {}
    secret_kept: dict[str, str] = {}
    for name, one in after.keep.items():
        value = text_at(one.path, element)
        if value is None:
            raise ProviderAnswerInvalid(f"the provider's answer after the exchange has no {one.path}")
        fault = kept_fault(one, value) if len(value) <= MAX_KEPT else "is too long"
        if fault is not None:
            raise ProviderAnswerInvalid(f"{one.path} of the provider's answer after the exchange {fault}")
        (secret_kept if one.secret else kept)[name] = value
    said = text_at(choice.label, element) if choice is not None and choice.label is not None else None
    plain = "".join(one if one.isprintable() else " " for one in said or " · ".join(kept.values()))
    key = sha256(json.dumps([kept, secret_kept], sort_keys=True).encode()).hexdigest()[:16]
    return Option(key=key, label=plain[:MAX_LABEL].strip(), kept=kept, secret_kept=secret_kept)
