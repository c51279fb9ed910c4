"""The section `oauth` of a catalogue entry as frozen data: how an account at a provider is connected and kept alive.

It is what a flow reads, step by step: `parameters` → `authorize` → `callback` → `token` → `answer` → `after_exchange` →
`account` → `api`, and later `refresh` and `revoke`. Texts with names in braces are templates: `templates` says which
names may stand where. Paths into documents are JMESPath. The words of each key are in `words`, what steps share in
`parts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.providers.oauth import words
from gateway.providers.oauth.parts import (
    Assertion,
    Call,
    CallbackSignature,
    Choice,
    Kept,
    Lifetime,
    Needs,
    Notice,
    Parameter,
    Pushed,
    RateHeaders,
    SecondToken,
    Sources,
    Texts,
)


@dataclass(frozen=True, slots=True)
class Client:
    """What the app is at the provider. `id` is a template, None where the vendor gives one.

    `registration` is `vendor`, or `indieauth`: nobody registers, and the gateway's URL is the id.
    """

    registration: str = "vendor"
    id: str | None = None
    has_secret: bool = True


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who has to stand as `iss` in ID tokens and callbacks (RFC 9207). None: as discovery says.

    `claims` are placeholders of the metadata's issuer, and the claims of the ID token that fill them. `in_callback`:
    the provider promises to send it, so that a callback without it is refused; metadata may promise it too.
    """

    value: str | None = None
    claims: Texts = field(default_factory=dict)
    in_callback: bool = False


@dataclass(frozen=True, slots=True)
class Authorize:
    """Where a person is sent to agree. `url` is None where discovery names it.

    `scopes` is a harmless beginning; `known_scopes` are all that there are. `user_scopes_parameter` and
    `optional_scopes_parameter` take scopes for the person's own token, and those that may be refused. `omit` names
    standard parameters that are not sent.
    """

    url: str | None = None
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    known_scopes: tuple[str, ...] = ()
    user_scopes_parameter: str | None = None
    optional_scopes_parameter: str | None = None
    parameters: Texts = field(default_factory=dict)
    client_id_parameter: str = "client_id"
    omit: tuple[str, ...] = ()
    pkce: str = "unknown"
    pkce_methods: tuple[str, ...] = ()
    pushed: Pushed | None = None
    note: str | None = None

    @property
    def sends_pkce(self) -> bool:
        return self.pkce not in words.WITHOUT_PKCE


@dataclass(frozen=True, slots=True)
class RequestToken:
    """OAuth 1.0a's first step, and how all of its requests are signed."""

    url: str
    signature: str = "HMAC-SHA1"


@dataclass(frozen=True, slots=True)
class Callback:
    """What the callback's query says beside code and state. `scope` is the parameter with the granted scopes."""

    keep: Mapping[str, Kept] = field(default_factory=dict)
    scope: str | None = None
    signature: CallbackSignature | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One way to a token. `url` is where a device code is asked for; None: as discovery says.

    `parameters` go into its token request beside the standard's.
    """

    url: str | None = None
    scopes: tuple[str, ...] = ()
    parameters: Texts = field(default_factory=dict)
    assertion: Assertion | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """The token endpoint. `url` is None where discovery names it.

    `otherwise` is how the client authenticates where discovery does not tell. `format` of its requests is `form` or
    `json`; `parameters` go with the exchange of a code beside the standard's, those in `omit` do not. `assertion` is
    that of `private_key_jwt`.
    """

    url: str | None = None
    authentication: str = "client_secret_post"
    otherwise: str = "client_secret_basic"
    format: str = "form"
    parameters: Texts = field(default_factory=dict)
    headers: Texts = field(default_factory=dict)
    client_id_parameter: str = "client_id"
    omit: tuple[str, ...] = ()
    assertion: Assertion | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a token answer is read. `root` is where the token object stands in it; the other paths begin at the top.

    `ok` is true in an answer that is no error; None: the status says it, unless `error_in_success`. Of `expires` see
    `words.EXPIRY`; `expires_at` is a field with the same as seconds since the epoch. Scopes are a text with
    `scope_separator`, or an array.
    """

    root: str | None = None
    ok: str | None = None
    error_code: str = "error"
    error_message: str = "error_description"
    error_in_success: bool = False
    expires: str = "seconds"
    expires_field: str = "expires_in"
    expires_at: str | None = None
    scope_field: str = "scope"
    scope_separator: str = " "
    scope_is_array: bool = False
    second_token: SecondToken | None = None
    keep: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AfterExchange:
    """One call right after the exchange. Paths in `keep` are relative to the element that was chosen.

    `replaces_token`: its answer is a token answer, whose token takes the first one's place.
    """

    call: Call
    choose: Choice | None = None
    keep: Mapping[str, Kept] = field(default_factory=dict)
    replaces_token: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who was connected: where the id stands (`words.ACCOUNT`), by which path, and what people are shown.

    `label` are candidates, the first that is there counts. `also` is part of whose account it is: a path too, or the
    name of something kept. `call` asks for it, and tells whether the token works; `details` asks for the label where
    the id is known without. `send` is the query or command of `graphql` and `websocket`.
    """

    source: str
    id: str | None = None
    label: tuple[str, ...] = ()
    also: str | None = None
    call: Call | None = None
    details: Call | None = None
    send: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """How the access token is renewed (`words.REFRESH`).

    `call` is what differs from the token call with `grant_type=refresh_token`: for `exchange` the whole request, else
    where `url` is another. `parameters` go beside the standard's. A refresh token ends after `lifetime_seconds`, or as
    `lifetime_field` of the answer says, or unused after `idle_seconds`. After a rotation the old one stays good for
    `grace_seconds`. Before the last `last_seconds` of an access token's life a refresh is refused.
    """

    style: str = "unknown"
    url: str | None = None
    parameters: Texts = field(default_factory=dict)
    call: Call | None = None
    needs: Needs = field(default_factory=Needs)
    lifetime_seconds: int | None = None
    lifetime_field: str | None = None
    idle_seconds: int | None = None
    grace_seconds: int | None = None
    last_seconds: int | None = None
    note: str | None = None

    @property
    def is_possible(self) -> bool:
        """Whether anything can be renewed, given a refresh token or, for `exchange`, a living access token."""
        return self.style not in words.NEVER_REFRESHED

    @property
    def swaps_access_token(self) -> bool:
        return self.style == "exchange"

    @property
    def is_single_use(self) -> bool:
        """Whether a refresh token that was shown once is dead: whoever lost the answer must not show it again."""
        return self.style in words.SINGLE_USE


@dataclass(frozen=True, slots=True)
class Revoke:
    """How a grant is ended at the provider: `call`, made of `style`; None where the style is `none`."""

    style: str = "rfc7009"
    call: Call | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Introspection:
    """Where a token is asked what it is (RFC 7662). `about` says what for."""

    call: Call
    about: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectedApi:
    """Where the token is good, and how calls carry it: `value` in `header`, or signed as OAuth 1.0a has it.

    `headers` and `query` go with every call. Where the entry has a section `api`, its lists are below this base URL,
    and its other headers go along.
    """

    base_url: str | None = None
    header: str = "Authorization"
    value: str = "Bearer {access_token}"
    is_signed: bool = False
    headers: Texts = field(default_factory=dict)
    query: Texts = field(default_factory=dict)
    rate_headers: RateHeaders | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OAuth:
    """How accounts of a provider are connected.

    `discovery` is the URL of its metadata: what it says wins over the entry, and endpoints without a URL are there.
    `redirect_uri` is what stands for the gateway's callback where that is not its URL. `check` tells whether a
    connection works; None: as the account is asked for. `ended_by` are its own webhooks that tell of the end of a
    grant. `also` are other names of the entry, under which people look for it.
    """

    kind: str
    evidence: Sources
    token: Token
    grants: Mapping[str, Grant] = field(default_factory=lambda: {"authorization_code": Grant()})
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    client: Client = Client()
    discovery: str | None = None
    issuer: Issuer = Issuer()
    redirect_uri: str | None = None
    request_token: RequestToken | None = None
    authorize: Authorize | None = None
    callback: Callback = Callback()
    answer: Answer = Answer()
    after_exchange: AfterExchange | None = None
    account: Account | None = None
    check: Call | None = None
    refresh: Refresh = Refresh()
    revoke: Revoke | None = None
    ended_by: tuple[Notice, ...] = ()
    introspection: Introspection | None = None
    access_lifetime: Lifetime = field(default_factory=Lifetime)
    api: ConnectedApi = ConnectedApi()
    also: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()

    @property
    def check_call(self) -> Call | None:
        """What tells whether a connection works."""
        return self.check or (self.account.call or self.account.details if self.account is not None else None)

    @property
    def kept(self) -> Mapping[str, Kept]:
        """All that is kept with a connection, in the order in which it is learnt."""
        after = self.after_exchange.keep if self.after_exchange is not None else {}
        return {**self.callback.keep, **self.answer.keep, **after}
