"""How one provider is told where its webhooks go, as data. What says it for the providers is `described`.

In paths, queries and bodies stand names in braces: `url` is the source's, `secret` what proves the webhooks, `topic`
and `topics` what they are about, `expires` until when they are wanted, `new_id` a random id, `id` the provider's own;
beside them the parameters of what is watched (`owner`, `repo`), and what was kept of the answer to the creation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.clients.paging.styles import PageStyle, SinglePage


class SecretOf(StrEnum):
    """Where the secret of a registration's webhooks is from."""

    OURS = "ours"  # the source's, which the provider is told
    THEIRS = "theirs"  # the provider's, which says it in its answer to the creation, and never again
    APP = "app"  # the app's, which the source was given when it was added


class Unit(StrEnum):
    """How an instant is written."""

    ISO = "iso"
    EPOCH_MS = "epoch_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What webhooks can be about. `values` fill further names in braces; `path` stands in place of the creation's.
    `lifetime_seconds` is for how long one is asked for.
    """

    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    lifetime_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. A member of `body` that is a name in braces alone becomes its value, a list too; one without a value is
    left out. `is_form`: the body is one, with a field for each value of a list.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    is_form: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How registrations are found: `records` is the JMESPath of a page's, `where` says by further ones which of them
    are for our URL and topic, `id` and `expires` where a record has those.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    records: str = "@"
    style: PageStyle = field(default_factory=SinglePage)
    where: Mapping[str, str] = field(default_factory=dict)
    id: str = "id"
    expires: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The one address to which all webhooks of an app go: where it is read (`read`, at `path` of the answer), and
    written where there is none. Another one than ours is nobody's to take away.
    """

    read: Request
    path: str
    write: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """How the provider with this `api` (by its id in the catalogue) is told. `source` is the provider of the source.

    `parameters` are what is watched apart from each other, with defaults. With `is_by_topic` each topic is registered
    by itself. `topics` are those of a list, by its name in the catalogue, `further` what holds where no list has one.
    `id`, `secret`, `expires` and `keeps` are JMESPaths in the answer to the creation. Without `renew`, one that ends is
    replaced by another. Without `listing`, nothing can be looked for.
    """

    api: str
    source: str
    create: Request
    delete: Request
    listing: Listing | None
    secret_of: SecretOf
    renew: Request | None = None
    target: Target | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    is_by_topic: bool = False
    topics: Mapping[str, Sequence[Topic]] = field(default_factory=dict)
    further: Sequence[Topic] = ()
    id: str = "id"
    secret: str | None = None
    expires: str | None = None
    unit: Unit = Unit.ISO
    keeps: Mapping[str, str] = field(default_factory=dict)
    lifetime_seconds: int | None = None
