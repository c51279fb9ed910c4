"""What an integration must be like, as somebody asks for it. Whether it can be is judged here; storing it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Fault
from gateway.integrations.options import option_faults
from gateway.integrations.rhythm import rhythm_faults
from gateway.integrations.type import ANY_PROVIDER, IntegrationType
from gateway.kept import KEPT, Kept

# What stands before the colon of an entity's key has none in it.
NAME: Final = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", re.ASCII)
LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDraft:
    """An integration as a person asks for it. `connection` is an id, `source` a slug or an id. `schedule` None: as
    often as the type says.
    """

    name: str
    type: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    connection: str | None = None
    source: str | None = None
    sync: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationChange:
    """What is to be different. Of the configuration and the sync options those that are named, None takes one away;
    secrets take the place of those of the same keys.
    """

    configuration: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    connection: str | Kept | None = KEPT
    source: str | Kept | None = KEPT
    sync: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | Kept | None = KEPT

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self == IntegrationChange()


def merged(kept: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`kept` with what `change` names; None takes a value away."""
    return {name: value for name, value in {**kept, **change}.items() if value is not None}


def name_faults(name: str) -> Iterator[Fault]:
    """What is wrong with the name of an integration."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        message = f"the name must be lower-case letters and digits, joined by - _ or ., at most {LONGEST_NAME}"
        yield Fault("name", "malformed", message)


def faults(
    type_: IntegrationType, draft: IntegrationDraft, *, held: frozenset[str] = frozenset(), plain_http: bool
) -> list[Fault]:
    """Everything that is wrong with `draft` by itself; `held` are the keys of secrets that there are already."""
    is_connected = draft.connection is not None
    return [
        *name_faults(draft.name),
        *type_.validate_configuration(
            draft.configuration, draft.secrets, held=held, plain_http=plain_http, is_connected=is_connected
        ),
        *option_faults(draft.sync),
        *rhythm_faults(draft.schedule),
        *_connection_faults(type_, draft.connection),
    ]


def provider_faults(type_: IntegrationType, provider: str) -> Iterator[Fault]:
    """What is wrong with a connection of `provider` for an integration of this type."""
    if provider not in type_.providers and ANY_PROVIDER not in type_.providers:
        taken = ", ".join(type_.providers)
        message = f"{type_.label} takes connections of {taken}, and this one is of {provider}"
        yield Fault("connection", "mismatch", message, {"values": list(type_.providers)})


def _connection_faults(type_: IntegrationType, connection: str | None) -> Iterator[Fault]:
    if connection is not None and not type_.providers:
        yield Fault("connection", "not_taken", f"{type_.label} uses no connection")
    elif connection is None and type_.needs_connection:
        message = f"{type_.label} uses a connection, of {', '.join(type_.providers)}"
        yield Fault("connection", "missing", message)
