"""What Home Assistant tells, as values: https://developers.home-assistant.io/docs/api/rest. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gateway.clients.errors import ResponseInvalid

SYSTEM: Final = "home_assistant"


@dataclass(frozen=True, slots=True)
class Context:
    """Who brought something about. `parent_id` is what it followed from: group members and automations have it."""

    id: str = ""
    parent_id: str | None = None
    user_id: str | None = None

    def follows_from(self, context_id: str) -> bool:
        """Whether this is the echo of our call with `context_id`, or of what that set off."""
        return bool(context_id) and context_id in {self.id, self.parent_id}


@dataclass(frozen=True, slots=True)
class State:
    """An entity at an instant. `state` is text, also `unknown` and `unavailable`; instants are None where left out."""

    entity_id: str
    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    last_changed: datetime | None = None
    last_updated: datetime | None = None
    last_reported: datetime | None = None
    context: Context = Context()


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """What a service did. By REST `changed` are the states that changed meanwhile; by WebSocket `context` tells which
    events are its echo. `response` is what a service answers that was asked for it.
    """

    changed: tuple[State, ...] = ()
    response: Mapping[str, Any] | None = None
    context: Context = Context()


def state_in(document: Any, entity_id: str = "") -> State:
    """A state as REST writes it; `entity_id` is for histories, which leave it out. Raises `ResponseInvalid`."""
    entry = mapping(document, "a state")
    name, state = entry.get("entity_id", entity_id), entry.get("state")
    if not isinstance(name, str) or not isinstance(state, str):
        raise ResponseInvalid("home_assistant: what came as a state has no entity_id or no state")
    return State(
        name,
        state,
        entry.get("attributes") or {},
        instant(entry.get("last_changed")),
        instant(entry.get("last_updated")),
        instant(entry.get("last_reported")),
        context_in(entry.get("context")),
    )


def context_in(document: Any) -> Context:
    """A context, or only its id."""
    if isinstance(document, str):
        return Context(document)
    entry = document if isinstance(document, dict) else {}
    return Context(entry.get("id") or "", entry.get("parent_id"), entry.get("user_id"))


def instant(value: Any) -> datetime | None:
    """Text in ISO 8601, or seconds since the epoch; None for what is neither."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def mapping(document: Any, what: str) -> Mapping[str, Any]:
    """`document`. Raises `ResponseInvalid` when it is no object."""
    if not isinstance(document, dict):
        raise ResponseInvalid(f"home_assistant: {what} was due, and something else came")
    return document


def sequence(document: Any, what: str) -> Sequence[Any]:
    """`document`. Raises `ResponseInvalid` when it is no array."""
    if not isinstance(document, list):
        raise ResponseInvalid(f"home_assistant: {what} were due, and something else came")
    return document
