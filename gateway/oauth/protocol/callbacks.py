"""What a provider says in the callback's query: RFC 6749 (4.1.2), RFC 9207 (`iss`), signed queries. Pure.

Anybody can call that URL with anything: reading never raises, and what is wrong is told by a code, so that a flow can
end at its `state` whatever else there is.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from gateway.oauth.protocol.errors import CallbackRefused, ProviderRefused
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.hosts import kept_fault
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import CallbackSignature, Kept

MAX_BYTES = 16 * 1024
MAX_PARAMETERS = 64
MAX_VALUE = 8 * 1024
MAX_ERROR = 100
MAX_DESCRIPTION = 500
_ERROR = re.compile(r"[\x21-\x7e]+")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFacts:
    """A callback, read. `fault` is why it cannot be used: `malformed` or `value_refused`, with `detail` for a person.

    `kept` are values that the entry keeps, `secret_kept` those of them that are sealed. `scopes` None: not told.
    `parameters` are all, as they came, for a signature over them; empty where there are too many.
    """

    state: str | None = None
    code: str | None = field(default=None, repr=False)
    error: str | None = None
    description: str | None = None
    iss: str | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    secret_kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    scopes: tuple[str, ...] | None = None
    fault: str | None = None
    detail: str | None = None
    parameters: Pairs = field(default=(), repr=False)


class _Unreadable(Exception):
    """Why a query cannot be read; the text is for a person and quotes nothing of it."""


def read_callback(oauth: OAuth, query: str | bytes) -> CallbackFacts:
    """The facts of a callback's raw query. Never raises.

    OAuth 1.0a's are read alike: its request token is the state, its verifier the code.
    """
    try:
        pairs = _pairs(query)
    except _Unreadable as error:
        return CallbackFacts(fault="malformed", detail=str(error))
    state_name, code_name = ("oauth_token", "oauth_verifier") if oauth.kind == "oauth1" else ("state", "code")
    state = _alone(pairs, state_name)
    if state is None and oauth.kind == "oauth1":
        # Who says no to a person's browser names the request token there alone.
        state = _alone(pairs, "denied")
    try:
        single = dict(_single(pairs, {code_name, state_name, "error", "error_description", "iss", *_own(oauth)}))
        if oauth.kind == "oauth1" and "denied" in dict(pairs):
            single["error"] = "access_denied"
        return _facts(oauth, single, pairs, state, code_name)
    except _Unreadable as error:
        return CallbackFacts(state=state, fault="malformed", detail=str(error), parameters=pairs)


def check_callback(app: App, endpoints: Endpoints, facts: CallbackFacts) -> str:
    """The code of a callback that belongs to a flow of `app`, whose state was found.

    Raises `CallbackRefused` for one that cannot be trusted, and then `ProviderRefused` for one that says no.
    """
    if facts.fault is not None:
        raise CallbackRefused(facts.fault, facts.detail or "the callback cannot be used")
    signature = app.oauth.callback.signature
    if signature is not None and not _is_signed(signature, app.client_secret, facts.parameters):
        raise CallbackRefused("signature_mismatch", "the callback is not signed with the app's secret")
    _check_issuer(endpoints, facts.iss)
    if facts.error is not None:
        raise ProviderRefused(facts.error, facts.description)
    if facts.code is None:
        raise CallbackRefused("malformed", "the callback holds neither a code nor an error")
    return facts.code


def _pairs(query: str | bytes) -> Pairs:
    try:
        raw = query if isinstance(query, bytes) else query.encode("utf-8")
        if len(raw) > MAX_BYTES:
            raise _Unreadable(f"the callback's query is longer than {MAX_BYTES} bytes")
        found = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeError as error:
        raise _Unreadable("the callback's query is not UTF-8") from error
    except ValueError as error:
        raise _Unreadable(f"the callback's query has more than {MAX_PARAMETERS} parameters") from error
    return tuple(found)


def _alone(pairs: Pairs, name: str) -> str | None:
    """The value of a parameter that is there once; None otherwise, also where it is empty or cannot be a value."""
    values = [value for key, value in pairs if key == name]
    return values[0] if len(values) == 1 and _is_value(values[0]) else None


def _single(pairs: Pairs, wanted: set[str]) -> Iterator[tuple[str, str]]:
    """Those that are read, each once (RFC 6749, 3.1); one without a value counts as missing."""
    seen: set[str] = set()
    for name, value in pairs:
        if name not in wanted:
            continue
        if name in seen:
            raise _Unreadable(f"the callback repeats the parameter {name}")
        seen.add(name)
        if name == "error_description":
            yield name, _readable(value)
        elif value:
            if not _is_value(value):
                raise _Unreadable(f"the callback's {name} is too long, or holds control characters")
            yield name, value


def _own(oauth: OAuth) -> Iterator[str]:
    """The parameters that the entry speaks of."""
    yield from (kept.path for kept in oauth.callback.keep.values())
    if oauth.callback.scope is not None:
        yield oauth.callback.scope


def _is_value(text: str) -> bool:
    return 0 < len(text) <= MAX_VALUE and text.isprintable()


def _readable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text[:MAX_DESCRIPTION]).strip()


def _facts(oauth: OAuth, single: Mapping[str, str], pairs: Pairs, state: str | None, code_name: str) -> CallbackFacts:
    code, error = single.get(code_name), single.get("error")
    if code is not None and error is not None:
        raise _Unreadable("the callback holds a code and an error together")
    if error is not None and (len(error) > MAX_ERROR or not _ERROR.fullmatch(error)):
        raise _Unreadable("the callback's error is no code")
    kept: dict[str, str] = {}
    secret_kept: dict[str, str] = {}
    for name, one in oauth.callback.keep.items():
        value = single.get(one.path)
        if value is None:
            continue
        if (fault := _kept_fault(oauth, one, value)) is not None:
            return CallbackFacts(
                state=state, fault="value_refused", detail=f"the callback's {one.path} {fault}", parameters=pairs
            )
        (secret_kept if one.secret else kept)[name] = value
    granted = single.get(oauth.callback.scope) if oauth.callback.scope is not None else None
    return CallbackFacts(
        state=state,
        code=code,
        error=error,
        description=single.get("error_description") or None,
        iss=single.get("iss"),
        kept=kept,
        secret_kept=secret_kept,
        scopes=_scopes(oauth, granted),
        parameters=pairs,
    )


def _kept_fault(oauth: OAuth, kept: Kept, value: str) -> str | None:
    if kept.replaces is not None and value not in oauth.parameters[kept.replaces].choices.values():
        return f"is none of the values that {kept.replaces} can have"
    return kept_fault(kept, value)


def _scopes(oauth: OAuth, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    separator = oauth.authorize.scope_separator if oauth.authorize is not None else " "
    return tuple(one.strip() for one in text.split(separator) if one.strip())


def _check_issuer(endpoints: Endpoints, iss: str | None) -> None:
    """RFC 9207, 2.4: compared as it is, without any normalisation."""
    if iss is None:
        if endpoints.sends_iss:
            raise CallbackRefused("issuer_missing", "the callback has no iss, which the provider promises to send")
        return
    if endpoints.issuer is not None and not matches_issuer(endpoints.issuer, iss):
        raise CallbackRefused("issuer_mismatch", "the callback's iss is not the provider's issuer")


def matches_issuer(issuer: str, iss: str) -> bool:
    """Whether `iss` is `issuer`, in which names in braces (Microsoft's tenant) stand for one part of a path each."""
    parts = re.split(r"\{\w+\}", issuer)
    return iss == issuer if len(parts) == 1 else re.fullmatch("[^/?#]+".join(map(re.escape, parts)), iss) is not None


def _is_signed(signature: CallbackSignature, secret: str | None, pairs: Pairs) -> bool:
    """Whether the MAC is that of the other parameters, sorted and joined as a query.

    Shopify's libraries do not agree whether values are percent-encoded as a whole or but for `%` and `&`; each
    spelling is of one set of parameters only, so that either proves it.
    """
    given = _alone(pairs, signature.parameter)
    if given is None or not secret:
        return False
    others = sorted((name, value) for name, value in pairs if name != signature.parameter)
    few = "&".join(f"{_quoted(name, '%&=')}={_quoted(value, '%&')}" for name, value in others)
    expected = [
        hmac.new(secret.encode(), text.encode(), signature.hash).hexdigest() for text in (urlencode(others), few)
    ]
    return any(hmac.compare_digest(one.encode(), given.lower().encode()) for one in expected)


def _quoted(text: str, characters: str) -> str:
    """`text` with `characters` alone percent-encoded."""
    return "".join(quote(one, safe="") if one in characters else one for one in text)
