"""Taking secrets out of what is recorded, and of what is compared with it: by name, by form, and those that are known.

What a request carried as credentials is taken out wherever it comes again. Pure, but for what is learned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import orjson

from gateway.clients.auth.base import Auth
from gateway.clients.cassettes.exchanges import Exchange, Recorded, Request
from gateway.clients.stripping import without
from gateway.clients.values import Call, Pairs
from gateway.security.redaction import REDACTED, is_secret_name, redact_text

FORM: Final = "application/x-www-form-urlencoded"

# Which are no secrets, and lead on from page to page: without them a list would go in a circle.
_LEADS_ON: Final = re.compile(r"page|next|previous|continu|cursor|sync|delta|skip|token_?type", re.IGNORECASE)
# Too short a name to tell by itself, but for a query's parameter and a form's field.
_PARAMETERS: Final = frozenset({"key", "appid", "code"})
# A shorter one stands everywhere by chance.
_SHORTEST_LEARNED: Final = 8


class Mask:
    """Knows the secrets of some calls. For one thread at a time.

    `auths` say what of a call is secret, `secrets` are others, `names` those of headers, parameters and fields that do
    not tell by themselves.
    """

    def __init__(self, auths: Sequence[Auth], secrets: Iterable[str], names: Iterable[str]) -> None:
        self._auths = auths
        self._secrets = set(secrets) - {""}
        self._names = {name.lower() for name in names}

    def learn(self, call: Call, answer: Recorded | None = None) -> None:
        """Whatever `call` carries, and `answer` gives, as credentials is a secret from now on."""
        for auth in self._auths:
            self._secrets.update(secret for secret in auth.secrets(call) if secret)
        found = [value for name, value in call.headers if self._is_secret(name)]
        # `Bearer abc`, `a=abc; b=def`: what follows the scheme or the name.
        found += [part.partition("=")[2] or part for value in found for part in re.split(r"[\s;,]+", value)]
        is_form = (call.header("Content-Type") or "").startswith(FORM)
        fields = parse_qsl((call.body or b"").decode("utf-8", "replace")) if is_form else []
        found += [value for name, value in (*call.query, *fields) if self._is_secret_parameter(name)]
        for body in (call.body or b"", answer.body if answer is not None else b""):
            _walked(_document(body), self._is_secret, found.append)
        self._secrets.update(secret for secret in found if len(secret) >= _SHORTEST_LEARNED)

    def exchange(self, exchange: Exchange) -> Exchange:
        """`exchange` without secrets."""
        answer = exchange.answer
        headers = [(name, REDACTED if self._is_secret(name) else self._text(value)) for name, value in answer.headers]
        return Exchange(
            self.request(exchange.request),
            Recorded(answer.status, tuple(headers), self._body(answer.body, _content_type(answer.headers))),
        )

    def request(self, request: Request) -> Request:
        """`request` without secrets."""
        url, mark, query = request.url.partition("?")
        pairs = [
            (name, REDACTED if self._is_secret_parameter(name) else self._text(value))
            for name, value in parse_qsl(query, keep_blank_values=True)
        ]
        body = self._body(request.body, request.content_type)
        return Request(request.method, self._text(url) + mark + _query(pairs), request.content_type, body)

    def _body(self, body: bytes, content_type: str) -> bytes:
        if content_type.startswith(FORM):
            found = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
            fields = [
                (name, REDACTED if self._is_secret_parameter(name) else self._text(value)) for name, value in found
            ]
            return body if fields == found else _query(fields).encode()
        document = _document(body)
        if document is not None:
            masked = _walked(document, self._is_secret, lambda _: None, self._text)
            # As it came, if it may stay so.
            return body if masked == document else orjson.dumps(masked)
        try:
            return self._text(body.decode()).encode()
        except UnicodeDecodeError:
            for secret in self._secrets:
                body = body.replace(secret.encode(), REDACTED.encode())
            return body

    def _text(self, text: str) -> str:
        return redact_text(without(text, tuple(self._secrets)))

    def _is_secret(self, name: str) -> bool:
        return name.lower() in self._names or (is_secret_name(name) and not _LEADS_ON.search(name))

    def _is_secret_parameter(self, name: str) -> bool:
        return name.lower() in _PARAMETERS or self._is_secret(name)


def _document(body: bytes) -> Any:
    """`body` as JSON with something in it, else None."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def _walked(
    document: Any, is_secret: Callable[[str], bool], tell: Callable[[str], object], text: Callable[[str], str] = str
) -> Any:
    """`document` with `text` applied, and without what stands under secret names, which `tell` hears."""
    if isinstance(document, dict):
        walked: dict[Any, Any] = {}
        for name, value in document.items():
            if isinstance(value, str) and is_secret(name):
                tell(value)
                walked[name] = REDACTED
            elif isinstance(value, list) and is_secret(name):
                walked[name] = [_walked({name: one}, is_secret, tell, text)[name] for one in value]
            else:
                walked[name] = _walked(value, is_secret, tell, text)
        return walked
    if isinstance(document, list):
        return [_walked(value, is_secret, tell, text) for value in document]
    return text(document) if isinstance(document, str) else document


def _query(pairs: Iterable[tuple[str, str]]) -> str:
    # The mark stays as it is: a cassette is read by people.
    return "&".join(f"{quote(name, safe='[]$')}={quote(value, safe='[]:,@/')}" for name, value in pairs)


def _content_type(headers: Pairs) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")
