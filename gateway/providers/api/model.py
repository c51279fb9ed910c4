"""The section `api` of a catalogue entry as frozen data: how a provider's API is called, and which lists it has.

Paths into documents are JMESPath. What executes it is `gateway.clients.described`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credential:
    """How a call proves whose it is: `bearer`, `basic`, `header`, `query` or `none`.

    `name` is the header's or parameter's; `scheme` stands before a bearer token. `username` is that of Basic where it
    is fixed, with the key as password; it is `key` where the key is the user name and the password is empty.
    """

    kind: str
    name: str = ""
    scheme: str = "Bearer"
    username: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the base URL needs: a shop, an instance, a region."""

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
    """How a list says where its next page is. `style` names it; the other fields are those that the style takes."""

    style: str
    parameter: str | None = None
    path: str | None = None
    more: str | None = None
    header: str | None = None
    key: str | None = None
    start: int = 1
    pages: str | None = None
    size_parameter: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """How to ask for what changed: the parameter, how an instant is written in it, and how far back it reaches.

    `template` is what stands around the instant (`{at}`); `overlap_seconds` is taken off, because what is asked for by
    whole seconds or minutes, or seen late, would be missed.
    """

    parameter: str
    unit: str
    template: str = "{at}"
    overlap_seconds: int = 0
    max_age_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """How a record is created, changed or removed. `wrap` is the name of the field that the record stands in."""

    method: str
    path: str
    wrap: str | None = None
    form: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A list of records. `query` goes with each page; `deletions` says how one hears of records that are gone."""

    path: str
    records: str
    id: str
    paging: Paging
    query: Mapping[str, str] = field(default_factory=dict)
    updated_at: str | None = None
    since: Since | None = None
    deletions: str = "absent"
    one: str | None = None
    writes: Mapping[str, Write] = field(default_factory=dict)
    concurrency: str = "none"


@dataclass(frozen=True, slots=True)
class Api:
    """How a provider's API is called."""

    base_url: str
    docs: str
    credential: Credential
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: ErrorShape = ErrorShape()
    waits: tuple[WaitSaid, ...] = ()
    rates: tuple[RateSaid, ...] = ()
    request_id: str | None = None
    idempotency_header: str | None = None
    resources: Mapping[str, Resource] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
