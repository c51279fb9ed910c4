"""The webhook section of a catalogue entry as frozen data: how a provider signs, what it asks and how it delivers.

These objects are read by the verification engine, the command line and the generated pages. Nothing is executed
here, and nothing is read from files (`loader`) or checked for shape (`schema`).

Schemes and handshakes compare by identity: an entry is loaded once, and its parts serve as cache keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.providers.webhook.places import Place, Template, places_of

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


@dataclass(frozen=True, slots=True, eq=False)
class Scheme:
    """One way a provider authenticates its calls.

    `nonce` are signed values that the vendor uses for one request only; nothing is done with them to verify it.
    `bodiless`: the vendor sends no body and signs none, so that one which came along is nobody's and is dropped.
    `requires` names the credentials that it cannot work without (`secret`, `public_key`, `username`, `password`,
    `jwks`, `root_certs`); `options` the operator's values it needs, `optional` those it uses when set. Where a proof is
    the vendor's for all of its customers, `binding` are those of its options that tell the operator's requests apart;
    `bound_by_address` says that nothing which is signed does, so that the source's address must be unguessable.
    """

    id: str
    family: str
    hash: str = ""
    when: tuple[Condition, ...] = ()
    key: Key = Key()
    signature: Signature | None = None
    message_id: tuple[Place, ...] = ()
    nonce: tuple[Place, ...] = ()
    timestamp: Timestamp | None = None
    signs: tuple[Template, ...] = ()
    any_port: bool = False
    bodiless: bool = False
    checks: tuple[Check, ...] = ()
    each: Each | None = None
    token: Token | None = None
    jwt: Jwt | None = None
    function: str | None = None
    fetch_back: Place | None = None
    requires: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    binding: frozenset[str] = frozenset()
    bound_by_address: bool = False

    @property
    def is_vendor_wide(self) -> bool:
        """Whether its proof says "some customer of this vendor", and not which."""
        if self.jwt is not None:
            return self.jwt.key != "secret" and self.jwt.of == VENDOR
        return self.key.source == "certificate" or (self.key.source == "public_key" and self.key.of == VENDOR)

    @property
    def needs_secret_address(self) -> bool:
        """Whether only an unguessable address keeps strangers, or the vendor's other customers, away."""
        return self.unsigned or self.bound_by_address

    @property
    def unsigned(self) -> bool:
        """Whether nothing is verified, so that only an unguessable address protects the source."""
        return self.family == "none"

    @property
    def reveals(self) -> bool:
        """Whether its requests carry the shared secret itself, so that whoever reads one could send any other."""
        return self.family in ("token", "basic")

    @property
    def fetches(self) -> bool:
        """Whether keys or certificates named by the request have to be fetched before it can be judged."""
        return self.key.source == "certificate" or (self.jwt is not None and self.jwt.keys_url is not None)


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """What is said to a vendor: a handshake's answer, or the answer to every event where one is prescribed."""

    status: int = 200
    content_type: str | None = None
    body: Template | None = None
    json: Mapping[str, Template | int | bool] | None = None
    headers: Mapping[str, Template] = field(default_factory=dict)

    @property
    def is_keyed(self) -> bool:
        """Whether the answer contains something made with the source's secret."""
        templates = [self.body, *(self.json or {}).values(), *self.headers.values()]
        return any(
            name.startswith("hmac-")
            for template in templates
            if isinstance(template, Template)
            for place in places_of(template)
            for name in place.filters
        )


@dataclass(frozen=True, slots=True)
class FetchRule:
    """A URL that has to be fetched to finish a handshake; its host must match `host` whole."""

    url: Place
    host: str


@dataclass(frozen=True, slots=True, eq=False)
class HandshakeRule:
    """A request that is answered and stored nowhere. A signed one is verified first."""

    id: str
    signed: bool
    when: tuple[Condition, ...]
    answer: AnswerRule = AnswerRule()
    checks: tuple[Check, ...] = ()
    store_secret: Place | None = None
    fetch: FetchRule | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One request with many events: the array at `items` (JSON, or JSON in a form field); paths are relative."""

    items: Place
    id: tuple[str, ...] | None
    type: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """How the vendor delivers: what it takes for success, how long it waits, how often it tries again."""

    evidence: str
    success: str | None = None
    timeout: str | None = None
    retries: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Webhook:
    """The webhook side of a provider. `choose` is `request` (any scheme whose conditions hold) or `operator`.

    `unverified_bytes`: how much of a body of a kind (`json`, `form`, `multipart`) may be parsed before its signature is
    checked, where the vendor sends more than is usual.
    """

    schemes: tuple[Scheme, ...]
    choose: str = "request"
    event_type: tuple[Place, ...] = ()
    event_id: tuple[Place, ...] = ()
    batch: Batch | None = None
    handshakes: tuple[HandshakeRule, ...] = ()
    answer: AnswerRule | None = None
    delivery: DeliveryRule | None = None
    unverified_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def handshake_options(self) -> frozenset[str]:
        """The operator's values that the handshakes compare with; without them those are refused."""
        return frozenset(
            part.name
            for handshake in self.handshakes
            for check in handshake.checks
            if check.if_option is None and check.equals is not None
            for part in check.equals.parts
            if isinstance(part, Place) and part.kind == "option"
        )
