"""Making a call of what a caller gives: one place for what may be given, and how it is written. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import orjson

from gateway.clients.addresses import BaseUrl
from gateway.clients.auth.base import one_line
from gateway.clients.values import IDEMPOTENT_METHODS, Call

Query = Mapping[str, object] | Sequence[tuple[str, object]]
"""Parameters: None is left out, true and false are written in lower case, a list repeats its name."""


class CallBuilder:
    """Makes the calls of one client: its base URL, its headers, what its system calls an idempotency key."""

    def __init__(self, base: BaseUrl, headers: Mapping[str, str], idempotency_header: str | None) -> None:
        self._base = base
        self._headers = checked(headers)
        self._idempotency_header = idempotency_header

    def build(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Query | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        idempotency_key: str | None = None,
        may_repeat: bool = False,
        template: str | None = None,
    ) -> Call:
        """The call. Raises `ValueError` for what cannot be sent, `ProtocolFault` for a URL of another origin."""
        method = method.upper()
        url, own_template = self._base.join(path, parameters or {})
        given = dict(headers or {})
        if sum(one is not None for one in (json, form, body)) > 1:
            raise ValueError("one of json, form and body is sent")
        if json is not None:
            body, content_type = orjson.dumps(json), content_type or "application/json"
        elif form is not None:
            body, content_type = urlencode(pairs(form)).encode(), content_type or "application/x-www-form-urlencoded"
        if content_type is not None:
            given["Content-Type"] = content_type
        may_repeat = may_repeat or method in IDEMPOTENT_METHODS
        if self._idempotency_header is not None and not may_repeat:
            given[self._idempotency_header] = idempotency_key or str(uuid.uuid4())
            may_repeat = True
        elif idempotency_key is not None and self._idempotency_header is None:
            raise ValueError("this client has no idempotency_header to send the key in")
        call = Call(method, url, template or own_template, tuple(pairs(query)), self._headers, body, may_repeat)
        return call.with_headers(*checked(given)) if given else call


def checked(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`headers` as pairs. Raises `ValueError` for what cannot be sent, without quoting it."""
    for name, value in headers.items():
        one_line(name, "the name of a header")
        one_line(value, f"the header {name}")
    return tuple(headers.items())


def pairs(given: Query) -> list[tuple[str, str]]:
    """Parameters as they are sent."""
    items = given.items() if isinstance(given, Mapping) else given
    found: list[tuple[str, str]] = []
    for name, value in items:
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None:
                found.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    return found
