"""Signing as providers do, from their entries, written apart from the verification engine, so that each shows the
other's mistakes: how to read an entry is all that the two share.

Each method of `METHODS` writes its proof into the draft. What needs a key that only the vendor has is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from gateway.errors import Hint, InvalidInput
from gateway.providers import Provider, Scheme
from gateway.providers.webhook.parts import Check, Signature, Timestamp
from gateway.providers.webhook.places import OptionalPart, Place, Template
from gateway.webhooks.samples.functions import FUNCTIONS
from gateway.webhooks.samples.keys import key_of
from gateway.webhooks.samples.rendering import render, value_of
from gateway.webhooks.samples.request_draft import Draft, element_within, elements_of
from gateway.webhooks.samples.webtokens import compact_token

ASYMMETRIC = frozenset({"rsa", "ecdsa", "ed25519"})
BY_KEY_PAIR = frozenset({"paddle_classic", "truelayer_jws"})


@dataclass(frozen=True, slots=True)
class Held:
    """What the source holds, of which a signer can make use."""

    secret: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    public_key: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and under which id a sample is sent; `now_seconds` since the epoch."""

    unique_id: str
    now_seconds: int


def unsignable(provider: Provider, scheme: Scheme) -> str | None:
    """Why nothing can be signed by this scheme, in a sentence; None when it can."""
    by_key_pair = scheme.family in ASYMMETRIC or scheme.function in BY_KEY_PAIR
    if by_key_pair or (scheme.jwt is not None and scheme.jwt.key != "secret"):
        held = "the public key" if scheme.requires & {"public_key", "jwks", "root_certs"} else "no key at all"
        name = provider.name.partition(" (")[0]
        return (
            f"{name} signs with a private key that only {name} has, and a source holds {held}: "
            "a sample cannot be signed here. Let the vendor send a test event"
        )
    return None


def choose_scheme(provider: Provider, scheme_id: str | None, held: Held) -> Scheme:
    """The scheme to sign by: the source's, else the first for which it holds what is needed.

    Raises `InvalidInput` that says why there is none.
    """
    provider.require_webhooks()
    schemes = [provider.scheme(scheme_id)] if scheme_id is not None else list(provider.webhook.schemes)
    reasons = [unsignable(provider, scheme) for scheme in schemes]
    signable = [scheme for scheme, reason in zip(schemes, reasons, strict=True) if reason is None]
    if not signable:
        raise InvalidInput(reasons[0] or "", Hint("print_sample"))
    if held.secret:
        return signable[0]
    return next((scheme for scheme in signable if not scheme.requires & {"secret"}), signable[0])


def sign(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    """Write into the draft whatever the scheme wants, the proof last. Raises `InvalidInput`."""
    prepare(scheme, draft, moment)
    draft.public_key = held.public_key
    method = METHODS.get(scheme.family)
    if method is None:
        raise InvalidInput(f"the method {scheme.family} cannot be signed here")
    method(scheme, draft, held, moment)


def prepare(scheme: Scheme, draft: Draft, moment: Moment) -> None:
    """Meet the scheme's conditions, and write time, id and everything else that is signed and not there."""
    for condition in scheme.when:
        if condition.values and draft.get(condition.place) not in condition.values:
            draft.put(condition.place, condition.values[0])
    if scheme.message_id:
        draft.message_id = f"msg_{moment.unique_id}"
        draft.put(scheme.message_id[0], draft.message_id)
    if scheme.timestamp is not None:
        value = stamp(scheme.timestamp, moment.now_seconds)
        draft.stamp = str(value)
        draft.put(scheme.timestamp.places[0], value if scheme.timestamp.places[0].kind == "json" else str(value))
    for place in (part for template in scheme.signs for part in needed_places(template)):
        if place.kind in ("header", "query", "form", "form_json", "json", "field") and draft.get(place) is None:
            draft.put(place, moment.unique_id)


def needed_places(template: Template | OptionalPart) -> list[Place]:
    """The places that a template cannot do without."""
    return [part for part in template.parts if isinstance(part, Place) and not part.optional]


def stamp(timestamp: Timestamp, now_seconds: int) -> int | str:
    """The time as the vendor writes it."""
    now = datetime.fromtimestamp(now_seconds, UTC)
    match timestamp.unit:
        case "seconds":
            return now_seconds
        case "milliseconds":
            return now_seconds * 1000
        case "iso8601":
            return now.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return format_datetime(now, usegmt=True)


def _hash(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    key = key_of(held.secret, scheme.key.steps)
    _meet(scheme.checks, draft, key)
    for item in _items(scheme, draft):
        draft.item = item
        text = render(scheme.signs[0], draft, key)
        if scheme.family == "hmac":
            digest = hmac.new(key, text, getattr(hashlib, scheme.hash)).digest()
        else:
            digest = getattr(hashlib, scheme.hash)(text).digest()
        assert scheme.signature is not None
        draft.put(scheme.signature.places[0], _written(scheme.signature, digest, draft, key))
    draft.item = None


def _token(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    token = scheme.token
    assert token is not None
    value = token.prefix + key_of(held.secret, scheme.key.steps).decode()
    for item in _items(scheme, draft):
        draft.item = item
        draft.put(token.places[0], value)
    draft.item = None


def _basic(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    if not held.username or not held.password:
        raise InvalidInput("the source holds no user name and password, so that nothing can be signed with them")
    word = base64.b64encode(f"{held.username}:{held.password}".encode()).decode()
    draft.set_header("Authorization", f"Basic {word}")


def _jwt(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    jwt = scheme.jwt
    assert jwt is not None
    key = key_of(held.secret, scheme.key.steps)
    times = {"iat": moment.now_seconds, "nbf": moment.now_seconds, "exp": moment.now_seconds + 300}
    draft.claims = {"iss": jwt.issuers[0] if jwt.issuers else "sample", "jti": moment.unique_id, **times}
    for name in jwt.required:
        draft.claims.setdefault(name, moment.unique_id)
    _meet(jwt.checks, draft, key)
    draft.put(jwt.places[0], jwt.prefix + compact_token(jwt.algorithms[0], draft.claims, key))


def _function(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    signer = FUNCTIONS.get(scheme.function or "")
    if signer is None:
        raise InvalidInput(f"there is no signer for {scheme.function} here")
    signer(draft, key_of(held.secret, scheme.key.steps), moment.unique_id, moment.now_seconds)


def _nothing(scheme: Scheme, draft: Draft, held: Held, moment: Moment) -> None:
    """Nothing is signed: the address is the proof."""


METHODS: Mapping[str, Callable[[Scheme, Draft, Held, Moment], None]] = {
    "basic": _basic,
    "digest": _hash,
    "function": _function,
    "hmac": _hash,
    "jwt": _jwt,
    "none": _nothing,
    "token": _token,
}


def _items(scheme: Scheme, draft: Draft) -> Sequence[Any]:
    """The elements that are signed one by one; a single None when the request is signed as a whole."""
    if scheme.each is None:
        return [None]
    return [element_within(element, scheme.each.item) for element in elements_of(draft, scheme.each.items)]


def _meet(checks: Sequence[Check], draft: Draft, key: bytes) -> None:
    """Write what the entry compares."""
    for check in checks:
        unwanted = check.if_option is not None and not draft.options.get(check.if_option)
        if check.equals is None or unwanted or (check.if_body and not draft.body()):
            continue
        wanted = render(check.equals, draft, key)
        if value_of(check.value, draft, key) != wanted:
            draft.put(check.value, wanted.decode())


def _written(signature: Signature, digest: bytes, draft: Draft, key: bytes) -> str:
    """The signature's text: encoded, labelled or listed, with its prefix."""
    match signature.encoding:
        case "hex":
            text = digest.hex()
        case "base64":
            text = base64.b64encode(digest).decode()
        case _:
            text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    split, pair = signature.split or "", signature.pair or "="
    if signature.take is not None:
        label = render(signature.take, draft, key).decode()
        text = split.join([*(f"{name}{pair}{value}" for name, value in draft.fields.items()), f"{label}{pair}{text}"])
    elif signature.take_from is not None:
        text = split.join([*(draft.fields.get(str(at), "") for at in range(signature.take_from)), text])
    return signature.prefix + text
