"""What Home Assistant tells of an entity or area → what it is here. Pure.

A raw record of an entity has `state` (as REST writes it), and of the registries `entry` (of the entity), `device` and
`area`, each None where there is none. Not every entity is in a registry, and not every device has an area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.clients.errors import ResponseInvalid
from gateway.clients.systems.home_assistant_values import State, state_in
from gateway.entities.external import Mapped, RecordInvalid
from gateway.errors import Fault

# What stands in a column of its own, or changes by itself without meaning.
_LEFT_OUT: Final = frozenset({"friendly_name", "entity_picture", "access_token", "last_changed", "last_updated"})
GONE: Final = frozenset({"unavailable", "unknown"})


@dataclass(frozen=True, slots=True)
class Registries:
    """The registries by id: entities by `entity_id`, devices and areas by theirs. Empty where they cannot be read."""

    entities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    areas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        entities: Sequence[Mapping[str, Any]],
        devices: Sequence[Mapping[str, Any]],
        areas: Sequence[Mapping[str, Any]],
    ) -> Registries:
        """As Home Assistant lists them."""
        return cls(
            {str(one.get("entity_id")): one for one in entities},
            {str(one.get("id")): one for one in devices},
            {str(one.get("area_id")): one for one in areas},
        )

    def record(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The raw record of the entity with this state."""
        entry = self.entities.get(str(state.get("entity_id")))
        device = self.devices.get(str(entry.get("device_id"))) if entry else None
        area_id = (entry or {}).get("area_id") or self._area_of(device)
        area = self.areas.get(str(area_id)) if area_id else None
        return {
            "state": state,
            "entry": _only(entry, "id", "name", "original_name", "platform", "unique_id", "device_id", "labels"),
            "device": _only(device, "id", "name", "name_by_user", "manufacturer", "model"),
            "area": _only(area, "area_id", "name", "floor_id"),
        }

    def _area_of(self, device: Mapping[str, Any] | None) -> Any:
        # A child device (2026.9) without an area is where its parent is.
        for _ in range(8):
            if device is None or device.get("area_id"):
                break
            device = self.devices.get(str(device.get("parent_device_id")))
        return None if device is None else device.get("area_id")


def entity_id_of(raw: Any) -> str | None:
    """The `entity_id` of a raw record, as far as it can be told."""
    state = raw.get("state") if isinstance(raw, Mapping) else None
    found = state.get("entity_id") if isinstance(state, Mapping) else None
    return found if isinstance(found, str) else None


def entity_of(raw: Any) -> Mapped:
    """The entity of a raw record. Raises `RecordInvalid`."""
    if not isinstance(raw, Mapping):
        raise RecordInvalid(faults=[Fault("", "malformed", "the record is no object")])
    try:
        state = state_in(raw.get("state"))
    except ResponseInvalid as error:
        raise RecordInvalid(faults=[Fault("state", "malformed", str(error))]) from error
    if "." not in state.entity_id:
        raise RecordInvalid(faults=[Fault("state.entity_id", "malformed", f"{state.entity_id!r} has no domain")])
    if not isinstance(state.attributes, Mapping):
        raise RecordInvalid(faults=[Fault("state.attributes", "malformed", "the attributes are no object")])
    entry, device, area = (_object(raw.get(one)) for one in ("entry", "device", "area"))
    return Mapped(
        integration_id=state.entity_id,
        name=_text(state.attributes.get("friendly_name")) or _text(entry.get("name")) or state.entity_id,
        attributes=_attributes(state, entry, device),
        state=state.state,
        state_at=state.last_changed,
        area=_text(area.get("name")),
        updated_at=state.last_updated,
        mark=state.context.id or None,
    )


def area_of(raw: Any) -> Mapped:
    """The entity of an area. Raises `RecordInvalid`."""
    entry = _object(raw)
    area_id = _text(entry.get("area_id"))
    if area_id is None:
        raise RecordInvalid(faults=[Fault("area_id", "missing", "the area has no area_id")])
    kept = {name: entry[name] for name in ("floor_id", "aliases", "labels", "icon") if entry.get(name)}
    return Mapped(integration_id=area_id, name=_text(entry.get("name")) or area_id, attributes=kept)


def _attributes(state: State, entry: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in state.attributes.items() if name not in _LEFT_OUT}
    kept |= {"domain": state.entity_id.partition(".")[0], "state": state.state}
    if entry.get("platform"):
        kept["platform"] = entry["platform"]
    if entry.get("labels"):
        kept["labels"] = entry["labels"]
    named = _text(device.get("name_by_user")) or _text(device.get("name"))
    if named is not None:
        kept["device"] = named
    return kept


def _only(document: Mapping[str, Any] | None, *names: str) -> dict[str, Any] | None:
    return None if document is None else {name: document[name] for name in names if document.get(name) is not None}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
