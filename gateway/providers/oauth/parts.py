"""What the steps of the section `oauth` are made of: parameters, values that are kept, requests, lifetimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Texts = Mapping[str, str]
"""Templates by name."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What backs the section: `level` (one of `words.EVIDENCE`), and by what."""

    level: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the operator gives with the app credentials, or who connects gives with the account.

    `kind` is `text`, or `url` for the beginning of URLs. A text matches `pattern` as a whole or is one of `choices`,
    which are given with what stands in templates for them; `suffix` is what vendors show behind it and we add.
    """

    about: str
    kind: str = "text"
    pattern: str | None = None
    choices: Texts = field(default_factory=dict)
    default: str | None = None
    suffix: str = ""
    example: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that is kept with the connection: `path` leads to it, in a query it is a parameter's name.

    One that leads to hosts is an HTTPS URL or a host name under one of `under`, or matches `pattern`: a token goes
    there. `replaces` is a parameter whose place it takes, being one of its choices. One that is `secret` is sealed like
    a token.
    """

    path: str
    under: tuple[str, ...] = ()
    pattern: str | None = None
    replaces: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where authorization requests are pushed to (RFC 9126); `required`: plain ones are refused."""

    url: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class CallbackSignature:
    """A MAC in the callback's query over its other parameters, sorted, keyed by the client secret."""

    parameter: str
    hash: str = "sha256"


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a signed assertion says; `audience` None: the token endpoint. `claims` are further ones."""

    audience: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    lifetime_seconds: int = 300
    claims: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecondToken:
    """A token for somebody else that comes in the same answer; paths are relative to `root`."""

    root: str
    access_token: str = "access_token"  # noqa: S105 (a path)
    refresh_token: str = "refresh_token"  # noqa: S105 (a path)
    scope: str = "scope"
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a template. `url` is None where discovery names it.

    `authentication` is one of `words.AUTHENTICATION`, `token` for the access token as API calls carry it, `like_token`
    for the token endpoint's way, or `nobody`; `authorization` is a header's value that is sent instead.
    """

    url: str | None = None
    method: str = "GET"
    query: Texts = field(default_factory=dict)
    format: str = "form"
    body: Texts = field(default_factory=dict)
    headers: Texts = field(default_factory=dict)
    authentication: str = "token"
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several has to be chosen: the elements at `of`, shown as `label`; one alone that `prefer`s is taken."""

    about: str
    of: str = "@"
    label: str | None = None
    prefer: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Events of these types tell that a grant has ended: `events`.

    `account` says whose, `app` of which app: names of what a connection has (`account_id`, a parameter, something kept)
    or its app (`client_id`), and where in the event's body the same value stands, or an array with it. All of them must
    be the same. `without` are names of which such a connection has nothing. `at` is when it ended, in the body or,
    after `header:`, a header: a text in ISO 8601, or seconds or milliseconds since the epoch; None: when it came.
    """

    events: tuple[str, ...]
    account: Texts
    app: Texts = field(default_factory=dict)
    at: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What must have been asked for at the beginning, so that there is a refresh token."""

    scopes: tuple[str, ...] = ()
    parameters: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an access token lives where its answer does not say: `seconds`, up to `at_most`, or for ever.

    `by` are those of several kinds of apps; None: for ever. `set_by` is whose setting it is.
    """

    seconds: int | None = None
    at_most: int | None = None
    never: bool = False
    by: Mapping[str, int | None] = field(default_factory=dict)
    set_by: str | None = None


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The headers in which answers tell of limits. `reset_unit` is one of the units of `api.waits`; None: not known.

    `statuses` are those of an answer over the limit. `layout` is what several numbers in one header are.
    """

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    reset_unit: str | None = None
    reset_after: str | None = None
    retry_after: str | None = None
    bucket: str | None = None
    usage: str | None = None
    read_limit: str | None = None
    read_usage: str | None = None
    layout: str | None = None
    statuses: tuple[int, ...] = ()
