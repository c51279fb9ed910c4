"""The section `api` of a catalogue entry as frozen data: how a provider's API is called, and which lists it has.

Paths into documents are JMESPath. What executes it is `gateway.clients.described`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FurtherSecret:
    """A secret that calls carry beside the key, in `header` or in the parameter `query`."""

    about: str
    header: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """How a call proves whose it is: `bearer`, `basic`, `header`, `query` or `none`.

    `name` is the header's or parameter's; `scheme` stands before a bearer token, `prefix` right before the key in a
    header. `username` is that of Basic where it is fixed, with the key as password; it is `key` where the key is the
    user name and the password is empty. `also` are further secrets, by name.
    """

    kind: str
    name: str = ""
    scheme: str = "Bearer"
    username: str = ""
    prefix: str = ""
    also: Mapping[str, FurtherSecret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the base URL or a header needs: a shop, an instance, a region, a tenant."""

    about: str
    pattern: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class WaitSaid:
    """A header that says when to come back, its unit, and the header that has to be 0 for it to mean that."""

    header: str
    unit: str
    when_used_up: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """Where errors say what they are. `codes` maps the system's own words to kinds of errors of ours.

    `inside_success` is a path that is true in an answer whose status is 2xx and that is an error all the same.
    """

    code: str | None = None
    message: str | None = None
    inside_success: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateSaid:
    """At most `calls` in `seconds`."""

    calls: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Paging:
    """How a list says where its next page is. `style` names it; the other fields are those that the style takes.

    `then` is where pages after the first are asked for, with nothing but what leads on; None: where the first was.
    """

    style: str
    parameter: str | None = None
    path: str | None = None
    more: str | None = None
    attribute: str | None = None
    then: str | None = None
    header: str | None = None
    key: str | None = None
    start: int = 1
    pages: str | None = None
    size_parameter: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """How to ask for what changed: the parameter or header, how an instant is written in it, how far back it reaches.

    `template` is what stands around the instant (`{at}`), `along` what else is sent then; `overlap_seconds` is taken
    off, because what is asked for by whole seconds or minutes, or seen late, would be missed.
    """

    unit: str
    parameter: str | None = None
    header: str | None = None
    template: str = "{at}"
    along: Mapping[str, str] = field(default_factory=dict)
    overlap_seconds: int = 0
    max_age_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A mark that the last page holds at `path`, by which the next reading gets only what changed since.

    It goes into `parameter`; None: it is a URL.
    """

    path: str
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """How a record is created, changed or removed. `wrap` is the name of the field that the record stands in.

    With `idempotency_header` or `idempotency_field` (of the body) it takes a key, and may be sent again with it.
    """

    method: str
    path: str
    wrap: str | None = None
    form: bool = False
    idempotency_header: str | None = None
    idempotency_field: str | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How a write is bound to what was read: the record's version, and the `header` or `field` that takes it back.

    The field is of what is written, by a dotted name; of the query where a write has no body. `is_number`: it takes the
    version as a number, also where that was kept as text.
    """

    version: str
    header: str | None = None
    field: str | None = None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A list of records. `query` goes with each page; `deletions` says how one hears of records that are gone.

    With the method POST `body` is sent, and what pages and instants are asked by goes into it, at dotted names.
    `deleted` is a path that is true in a record that is gone. `service` is one of the API's; None: `base_url`.
    """

    path: str
    records: str
    id: str
    paging: Paging
    method: str = "GET"
    service: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    updated_at: str | None = None
    since: Since | None = None
    delta: Delta | None = None
    deletions: str = "absent"
    deleted: str | None = None
    one: str | None = None
    writes: Mapping[str, Write] = field(default_factory=dict)
    concurrency: Concurrency | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """How a provider's API is called.

    `services` are further base URLs by name. `idempotency_header` is for systems that take a key with every write.
    `by` is what was read for this section.
    """

    base_url: str
    docs: str
    credential: Credential
    services: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: ErrorShape = ErrorShape()
    waits: tuple[WaitSaid, ...] = ()
    rates: tuple[RateSaid, ...] = ()
    request_id: str | None = None
    idempotency_header: str | None = None
    resources: Mapping[str, Resource] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
