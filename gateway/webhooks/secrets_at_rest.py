"""Shared secrets in requests that are about to be kept: each is sealed where it stands.

A token, a Basic password or a verify token is the secret itself: whoever read it in the database could send anything.
Where such secrets travel is known from the catalogue (`providers.webhook.proof`). Signatures prove without revealing
and stay as they are. A URL's path stays too: where it is the secret, it is the source's address. In what was refused a
source's own secrets are found by their value too (`own_secrets`): senders put them into other places by mistake. Opened
again are bodies, to be delivered (law 5: raw bytes), and refused requests, to be explained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from urllib.parse import unquote_plus

from gateway.events.at_rest import open_request_part, request_context
from gateway.providers import Provider
from gateway.providers.webhook.proof import EVERY, Carriers, proofs, shared_secrets, shared_secrets_of
from gateway.security.redaction import is_credential_name
from gateway.security.sealed_text import seal_value
from gateway.security.sealing import Keyring
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.own_secrets import NO_SECRETS, OwnSecrets

Headers = tuple[tuple[str, str], ...]

# A proxy's or a browser's, whoever the provider is; also what a user name and password in a webhook's URL become.
CREDENTIAL_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_NAME = itemgetter(0)


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where secrets stand, in the form in which they are looked for.

    `headers` are names in lower case. `fields` are names in a query or form, `members` those of JSON objects: a secret
    is sealed at every depth. With `in_body` an authentic request has one in its body.
    """

    headers: frozenset[str]
    query: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    members: re.Pattern[bytes] | None = field(default=None)
    in_body: bool = False

    @property
    def is_in_body(self) -> bool:
        """Whether a body has to be looked at."""
        return self.in_body or bool(self.fields) or self.members is not None


def places_of(carriers: Carriers, *, other_headers: frozenset[str], in_body: bool = False) -> SecretPlaces:
    """The places of `carriers`, and headers that hold credentials besides."""
    names = {step for path in carriers.json if (step := path[-1] if path else "") and step != EVERY}
    quoted = b"|".join(re.escape(name.encode()) for name in sorted(names))
    return SecretPlaces(
        headers=carriers.headers | other_headers,
        query=carriers.query,
        fields=carriers.form | frozenset(path[0] for path in carriers.form_json),
        members=re.compile(rb'("(?:%b)"\s*:\s*")((?:[^"\\]|\\.)+)' % quoted, re.DOTALL) if names else None,
        in_body=in_body,
    )


@lru_cache(maxsize=1024)
def places_for(provider: Provider) -> SecretPlaces:
    """Where requests of the provider carry secrets, whichever scheme is chosen."""
    webhook = provider.webhook
    found = shared_secrets(webhook)
    # A JSON Web Token stands under the same name as a password, and is a signature.
    others = CREDENTIAL_HEADERS - proofs(webhook).headers
    schemes = [shared_secrets_of(scheme) for scheme in webhook.schemes]
    in_body = all(one.json or one.form or one.form_json for one in schemes)
    return places_of(found, other_headers=others, in_body=in_body)


class RequestSealer:
    """Seals secrets of accepted requests of one source. Safe for any number of threads; pure but for the nonces."""

    def __init__(self, keyring: Keyring, places: SecretPlaces, *, tenant_id: str, source: str) -> None:
        self._places = places
        self._is_in_body = places.is_in_body
        context = request_context(tenant_id, source)
        self._seal: Seal = lambda value: seal_value(keyring, value, context=context)
        # As the two hosts write names: most requests have none of these, which is seen in one step.
        self._names = places.headers | {name.title() for name in places.headers}

    def headers(self, headers: Headers) -> Headers:
        """The headers as they are kept; the same ones where nothing has to be sealed."""
        if self._names.isdisjoint(map(_NAME, headers)):
            return headers
        return sealed_headers(headers, lambda name: name in self._places.headers, self._seal)

    def url(self, url: str) -> str:
        """The URL as it is kept."""
        names = self._places.query
        return sealed_url(url, names.__contains__, self._seal) if names else url

    def body(self, body: bytes) -> bytes:
        """A body, or one event's part of it, as it is kept. One that hides its secret is sealed whole."""
        if not self._is_in_body:
            return body
        sealed = sealed_body(body, self._places, self._seal)
        return self._seal(body) if sealed == body and body and self._places.in_body else sealed


class RefusedSealer:
    """Seals secrets of refused requests, which may be anybody's: all that looks like one, all places of the catalogue,
    and the source's own wherever they stand. Safe for any number of threads.
    """

    def __init__(self, keyring: Keyring, carriers: Carriers) -> None:
        self._keyring = keyring
        self._places = places_of(carriers, other_headers=CREDENTIAL_HEADERS)

    def sealed(
        self,
        arrival: Arrival,
        *,
        tenant_id: str,
        source: str,
        own: OwnSecrets = NO_SECRETS,
        is_cut: bool = False,
    ) -> tuple[Headers, str, bytes]:
        """Headers, URL and body as they are kept under `source`, whose secrets are `own`. `is_cut`: there was more of
        some of them.
        """
        context = request_context(tenant_id, source)

        def seal(value: bytes) -> bytes:
            return seal_value(self._keyring, value, context=context)

        def whole(kept: bytes, original: bytes) -> bytes:
            return own.sealed(kept, original, seal, is_cut=is_cut)

        headers = sealed_headers(arrival.headers, self._is_secret(self._places.headers), seal)
        url = sealed_url(arrival.url, self._is_secret(self._places.query), seal)
        return (
            tuple(
                (name, _text(whole(_bytes(value), _bytes(original))))
                for (name, value), (_, original) in zip(headers, arrival.headers, strict=True)
            ),
            _text(whole(_bytes(url), _bytes(arrival.url))),
            whole(sealed_body(arrival.body, self._places, seal), arrival.body),
        )

    def _is_secret(self, known: frozenset[str]) -> Callable[[str], bool]:
        return lambda name: name in known or is_credential_name(name)


def opened_headers(keyring: Keyring, headers: Iterable[tuple[str, str]], *, tenant_id: str, source: str) -> Headers:
    """Kept headers with their secrets. Raises `DecryptionFailed`."""
    return tuple((name, opened_text(keyring, value, tenant_id=tenant_id, source=source)) for name, value in headers)


def opened_text(keyring: Keyring, kept: str, *, tenant_id: str, source: str) -> str:
    """A kept URL or header value with its secrets. Raises `DecryptionFailed`."""
    opened = open_request_part(keyring, _bytes(kept), tenant_id=tenant_id, source=source)
    return _text(opened)


Seal = Callable[[bytes], bytes]


def sealed_headers(headers: Sequence[tuple[str, str]], is_secret: Callable[[str], bool], seal: Seal) -> Headers:
    """The headers with the values sealed whose name, in lower case, is a secret's."""
    return tuple(
        (name, seal(_bytes(value)).decode("ascii")) if value and is_secret(name.lower()) else (name, value)
        for name, value in headers
    )


def sealed_url(url: str, is_secret: Callable[[str], bool], seal: Seal) -> str:
    """The URL with the values of these parameters sealed."""
    base, mark, query = url.partition("?")
    if not query:
        return url
    return f"{base}{mark}{_text(_sealed_pairs(_bytes(query), is_secret, seal))}"


def sealed_body(body: bytes, places: SecretPlaces, seal: Seal) -> bytes:
    """The body with the secrets in it sealed: in JSON by the names of members, in a form by those of fields."""
    if places.members is not None:
        body = places.members.sub(lambda match: match[1] + seal(match[2]), body)
    if places.fields:
        body = _sealed_pairs(body, places.fields.__contains__, seal)
    return body


def _sealed_pairs(text: bytes, is_secret: Callable[[str], bool], seal: Seal) -> bytes:
    pairs = []
    for pair in text.split(b"&"):
        name, equals, value = pair.partition(b"=")
        is_found = value and len(name) <= MAX_NAME_BYTES and is_secret(unquote_plus(name.decode("utf-8", "replace")))
        pairs.append(name + equals + seal(value) if is_found else pair)
    return b"&".join(pairs)


# Longer than any vendor's, percent-encoded; what strangers send has no such bound.
MAX_NAME_BYTES = 1024


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")
