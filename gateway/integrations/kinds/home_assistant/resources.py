"""The entities and the areas of one Home Assistant, as a sync reads and writes them.

All states come in one answer by REST, which knows nothing of areas: those are in the registries, which only the
WebSocket API tells. There is no version and no way to ask for what changed: live changes come by the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from gateway.clients.errors import RemoteNotFound, RequestRefused
from gateway.clients.systems.home_assistant import HomeAssistant
from gateway.clients.systems.home_assistant_values import mapping, sequence
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    FieldRule,
    Mapped,
    Outgoing,
    Policy,
    Position,
    Raw,
    RemotePage,
)
from gateway.errors import InvalidInput
from gateway.integrations.kinds.home_assistant.records import Registries, area_of, entity_id_of, entity_of
from gateway.integrations.kinds.home_assistant.services import SETTABLE, calls_for
from gateway.integrations.kinds.read_only import ReadOnly

PAGE: Final = 500
# A house that somebody is in changes by itself: what was set here and what it says meanwhile are both edits of it.
_SETTABLE: Final = FieldRule(direction=Direction.BOTH, policy=Policy.EXTERNAL_WINS)


class RegistrySource(Protocol):
    """Where the registries come from."""

    def __call__(self) -> Registries:
        """As they are now. Raises `IntegrationError`."""
        ...


class HomeEntities(ReadOnly):
    """Everything that has a state. `wanted` says of an `entity_id` whether it is one of those that are synced."""

    name = "entities"
    kind = "entity"
    abilities = Abilities(looks_up=True, writes=frozenset({"update"}))
    fields: Mapping[str, FieldRule] = dict.fromkeys(sorted(SETTABLE), _SETTABLE)

    def __init__(
        self, home: HomeAssistant, registries: RegistrySource, wanted: Callable[[str], bool], *, page_size: int = PAGE
    ) -> None:
        self._home = home
        self._page_size = page_size
        self._registries = registries
        self._wanted = wanted

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """All of them, by their ids, in pages that are cut here. Whoever goes on asks for all again."""
        after = "" if at is None else str(at["after"])
        registries = self._registries()
        states = sequence(self._home.http.json("GET", "/states"), "states")
        # What has no id stands first, so that it is told of once.
        ordered = sorted((one for one in states if self._is_wanted(one)), key=_id_of_state)
        rest = [one for one in ordered if at is None or _id_of_state(one) > after]
        requests = 2
        for start in range(0, max(len(rest), 1), self._page_size):
            page = rest[start : start + self._page_size]
            is_last = start + self._page_size >= len(rest)
            records = [registries.record(one) if isinstance(one, Mapping) else one for one in page]
            yield RemotePage(
                records=records,
                next=None if is_last else {"after": _id_of_state(page[-1])},
                requests=requests,
            )
            requests = 0

    def identify(self, raw: Raw) -> str | None:
        return entity_id_of(raw)

    def map(self, raw: Raw) -> Mapped:
        return entity_of(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        registries = self._registries()
        return {one: self._one(one, registries) for one in ids}

    def update(self, outgoing: Outgoing) -> Raw | None:
        """Call the services that set the fields; what the entity says afterwards."""
        entity_id = outgoing.integration_id or ""
        try:
            calls = calls_for(entity_id, outgoing.fields)
        except InvalidInput as error:
            raise RequestRefused(f"home_assistant: {error}") from error
        for call in calls:
            self._home.call_service(call.domain, call.service, call.data, target={"entity_id": entity_id})
        return self._one(entity_id, self._registries())

    def _one(self, entity_id: str, registries: Registries) -> Raw | None:
        try:
            state = mapping(self._home.http.json("GET", "/states/{entity_id}", {"entity_id": entity_id}), "a state")
        except RemoteNotFound:
            return None
        return registries.record(state)

    def _is_wanted(self, state: Any) -> bool:
        found = _id_of_state(state)
        return not found or self._wanted(found)


class HomeAreas(ReadOnly):
    """Rooms and places."""

    name = "areas"
    kind = "area"
    abilities = Abilities(looks_up=True)

    def __init__(self, registries: RegistrySource) -> None:
        self._registries = registries

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        yield RemotePage(records=list(self._registries().areas.values()), next=None)

    def identify(self, raw: Raw) -> str | None:
        found = raw.get("area_id") if isinstance(raw, Mapping) else None
        return found if isinstance(found, str) else None

    def map(self, raw: Raw) -> Mapped:
        return area_of(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        areas = self._registries().areas
        return {one: areas.get(one) for one in ids}


def _id_of_state(state: Any) -> str:
    found = state.get("entity_id") if isinstance(state, Mapping) else None
    return found if isinstance(found, str) else ""
