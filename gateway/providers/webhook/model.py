"""The webhook section of a catalogue entry as frozen data: how a provider signs, what it asks and how it delivers.

These objects are read by the verification engine, the command line and the generated pages. Nothing is executed
here, and nothing is read from files (`loader`) or checked for shape (`schema`).

Schemes and handshakes compare by identity: an entry is loaded once, and its parts serve as cache keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.providers.webhook.parts import VENDOR, Check, Condition, Each, Jwt, Key, Signature, Timestamp, Token
from gateway.providers.webhook.places import Place, Template, places_of


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
    key: Key = field(default_factory=Key)
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


NO_WEBHOOKS = Webhook(schemes=())
"""The section of a provider of which only its API is described: no scheme, so that nothing can be verified by it."""
