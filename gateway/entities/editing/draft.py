"""What may be asked for of an entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.entities.search.finding import EntityKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityEdit:
    """A change. `fields` are new values by attribute; `typed` are such as a person types them. `user_data` is merged
    into what is attached, None removes a member.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    user_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDraft:
    """A new entity, which is made in the external system. `integration` is a name or an id, `parent` the key of what it
    belongs to.
    """

    integration: str
    kind: str
    name: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    user_data: Mapping[str, Any] = field(default_factory=dict)
    parent: EntityKey | None = None
