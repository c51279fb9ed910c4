"""The parts that a scheme is made of, as frozen data: conditions, checks, keys, signatures, times and tokens.

How they make a scheme, and what else belongs to a provider's webhooks, is in `model`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.webhook.places import Place, Template

ACCOUNT, VENDOR = "account", "vendor"
"""Whose a key is: each customer's of a vendor, or the same for all of them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`values` empty: the place is present (or absent, when `present` is false); else its text is one of them."""

    place: Place
    values: tuple[str, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """A place whose text must equal a template, compared in constant time, or match a pattern whole.

    `if_present` skips an absent value; `if_body` wants the value absent exactly when the body is empty; `if_option`
    applies the check only when the operator has set that option.
    """

    value: Place
    equals: Template | None = None
    matches: str | None = None
    if_present: bool = False
    if_body: bool = False
    if_option: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """What a signature is checked with.

    `source` is `secret` (made into bytes by `steps`, left to right; default UTF-8), `public_key` (in `format`) or
    `certificate` (at the URL in `url`, which must match `host` and `path` whole before anybody fetches it). `of` says
    whose a public key is: `account` when each customer of the vendor has another one, `vendor` when all have the same.
    """

    source: str = "secret"
    of: str = ACCOUNT
    steps: tuple[str, ...] = ()
    format: str | None = None
    strip: str = ""
    url: Place | None = None
    host: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Where a signature stands and how it is cut out.

    `places` are alternatives: the first present counts, or, with `every`, each of them may carry one. `prefix` must
    be there and is dropped. With `split` the text is a list; `pair` and `take` pick the values labelled so,
    `take_from` those from that position on. `several`: more than one is allowed, one match is enough.
    """

    places: tuple[Place, ...]
    every: bool = False
    prefix: str = ""
    split: str | None = None
    pair: str | None = None
    take: Template | None = None
    take_from: int | None = None
    encoding: str = "hex"
    several: bool = False


@dataclass(frozen=True, slots=True)
class Timestamp:
    """When the request was signed. `unit` is seconds, milliseconds, iso8601 or http-date.

    `tolerance_seconds` None: no age limit; `tolerance_from` says whose number it is (`suggested` is ours).
    """

    places: tuple[Place, ...]
    unit: str
    tolerance_seconds: float | None = None
    tolerance_from: str = "none"


@dataclass(frozen=True, slots=True)
class Each:
    """Every element of the array at `items` is verified by itself; JSON paths start at its `item`."""

    items: tuple[str, ...]
    item: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A shared secret that stands in the request itself."""

    places: tuple[Place, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JSON Web Token and what its claims must say.

    `key` is `secret`, `jwks`, `google_certs` (certificates by key id, fetched from `keys_url`) or `x5c` (a chain to
    one of the operator's root certificates, whose leaf and issuer carry `oids`). A secret is each customer's own, the
    rest is the vendor's, unless `of` says that a key set is not. Seconds throughout.
    """

    places: tuple[Place, ...]
    algorithms: tuple[str, ...]
    key: str
    of: str = VENDOR
    prefix: str = ""
    keys_url: str | None = None
    issuers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    max_age_seconds: float | None = None
    leeway_seconds: float | None = None
    oids: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
