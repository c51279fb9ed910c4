"""Which services bring an entity of Home Assistant to the state and attributes that are wanted. Pure.

https://www.home-assistant.io/integrations/#all: each domain's page names its services and their data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Fault, InvalidInput

STATE: Final = "state"


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One call of a service; its target is the entity."""

    domain: str
    service: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Domain:
    """What can be set of the entities of one domain.

    `states` are the services by the state that they lead to. `setter` is the one that takes any state, with the name
    of its datum. `attributes` are the services by attribute, with the name of the datum. `with_on` are attributes that
    go along with `turn_on`.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    setter: tuple[str, str] | None = None
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    with_on: frozenset[str] = frozenset()
    read: Callable[[str], Any] = str


_ON_OFF: Final = {"on": "turn_on", "off": "turn_off"}


def _number(value: str) -> float:
    return float(value)


DOMAINS: Final[Mapping[str, Domain]] = {
    "automation": Domain(states=_ON_OFF),
    "climate": Domain(
        setter=("set_hvac_mode", "hvac_mode"),
        attributes={
            "temperature": ("set_temperature", "temperature"),
            "target_temp_high": ("set_temperature", "target_temp_high"),
            "target_temp_low": ("set_temperature", "target_temp_low"),
            "fan_mode": ("set_fan_mode", "fan_mode"),
            "preset_mode": ("set_preset_mode", "preset_mode"),
            "swing_mode": ("set_swing_mode", "swing_mode"),
            "humidity": ("set_humidity", "humidity"),
        },
    ),
    "cover": Domain(
        states={"open": "open_cover", "closed": "close_cover"},
        attributes={
            "current_position": ("set_cover_position", "position"),
            "current_tilt_position": ("set_cover_tilt_position", "tilt_position"),
        },
    ),
    "fan": Domain(
        states=_ON_OFF,
        attributes={
            "percentage": ("set_percentage", "percentage"),
            "preset_mode": ("set_preset_mode", "preset_mode"),
            "oscillating": ("oscillate", "oscillating"),
            "direction": ("set_direction", "direction"),
        },
    ),
    "humidifier": Domain(
        states=_ON_OFF, attributes={"humidity": ("set_humidity", "humidity"), "mode": ("set_mode", "mode")}
    ),
    "input_boolean": Domain(states=_ON_OFF),
    "input_number": Domain(setter=("set_value", "value"), read=_number),
    "input_select": Domain(setter=("select_option", "option")),
    "input_text": Domain(setter=("set_value", "value")),
    "light": Domain(
        states=_ON_OFF,
        with_on=frozenset(
            {
                "brightness",
                "color_temp_kelvin",
                "effect",
                "hs_color",
                "rgb_color",
                "rgbw_color",
                "rgbww_color",
                "xy_color",
            }
        ),
    ),
    "lock": Domain(states={"locked": "lock", "unlocked": "unlock"}),
    "media_player": Domain(
        states={**_ON_OFF, "playing": "media_play", "paused": "media_pause", "idle": "media_stop"},
        attributes={
            "volume_level": ("volume_set", "volume_level"),
            "is_volume_muted": ("volume_mute", "is_volume_muted"),
            "source": ("select_source", "source"),
            "sound_mode": ("select_sound_mode", "sound_mode"),
            "shuffle": ("shuffle_set", "shuffle"),
            "repeat": ("repeat_set", "repeat"),
        },
    ),
    "number": Domain(setter=("set_value", "value"), read=_number),
    "remote": Domain(states=_ON_OFF),
    "select": Domain(setter=("select_option", "option")),
    "siren": Domain(states=_ON_OFF),
    "switch": Domain(states=_ON_OFF),
    "text": Domain(setter=("set_value", "value")),
    "vacuum": Domain(
        states={"cleaning": "start", "paused": "pause", "idle": "stop", "docked": "return_to_base"},
        attributes={"fan_speed": ("set_fan_speed", "fan_speed")},
    ),
    "valve": Domain(
        states={"open": "open_valve", "closed": "close_valve"},
        attributes={"current_position": ("set_valve_position", "position")},
    ),
    "water_heater": Domain(
        setter=("set_operation_mode", "operation_mode"), attributes={"temperature": ("set_temperature", "temperature")}
    ),
}
SETTABLE: Final[frozenset[str]] = frozenset({STATE}).union(
    *(domain.with_on | domain.attributes.keys() for domain in DOMAINS.values())
)
"""Every field that some domain lets set."""


def calls_for(entity_id: str, wanted: Mapping[str, Any]) -> list[ServiceCall]:
    """The calls that set the fields `wanted` of `entity_id`: those of attributes first go with the state where one
    service takes both. Raises `InvalidInput`, with a fault for each field that its domain does not let set.
    """
    name = entity_id.partition(".")[0]
    domain = DOMAINS.get(name, Domain())
    faults = [_fault(name, domain, one, value) for one, value in wanted.items()]
    wrong = [fault for fault in faults if fault is not None]
    if wrong:
        raise InvalidInput(faults=wrong)
    return [*_state_calls(name, domain, wanted), *_attribute_calls(name, domain, wanted)]


def _fault(name: str, domain: Domain, field_name: str, value: Any) -> Fault | None:
    if field_name == STATE:
        return _state_fault(name, domain, value)
    if field_name in domain.with_on or field_name in domain.attributes:
        return None
    known = sorted(domain.with_on | domain.attributes.keys())
    there = f"of {name} can be set: {', '.join(known)}" if known else f"no attribute of {name} can be set"
    return Fault(field_name, "not_allowed", f"Home Assistant has no service that sets {field_name} ({there})")


def _state_fault(name: str, domain: Domain, value: Any) -> Fault | None:
    if domain.setter is not None:
        try:
            domain.read(value)
        except (TypeError, ValueError):
            return Fault(STATE, "malformed", f"the state of {name} is a number, and {value!r} is none")
        return None
    if not domain.states:
        return Fault(STATE, "not_allowed", f"Home Assistant has no service that sets the state of {name}")
    if value in domain.states:
        return None
    allowed = sorted(domain.states)
    message = f"the state of {name} can be set to {', '.join(allowed)}, and not to {value!r}"
    return Fault(STATE, "not_allowed", message, {"allowed": allowed})


def _state_calls(name: str, domain: Domain, wanted: Mapping[str, Any]) -> list[ServiceCall]:
    along = {one: value for one, value in wanted.items() if one in domain.with_on}
    if STATE not in wanted:
        # A lamp whose brightness is set goes on: Home Assistant has no other way.
        return [ServiceCall(name, "turn_on", along)] if along else []
    if domain.setter is not None:
        service, datum = domain.setter
        return [ServiceCall(name, service, {datum: domain.read(wanted[STATE])})]
    service = domain.states[wanted[STATE]]
    return [ServiceCall(name, service, along if service == "turn_on" else {})]


def _attribute_calls(name: str, domain: Domain, wanted: Mapping[str, Any]) -> list[ServiceCall]:
    together: dict[str, dict[str, Any]] = {}
    for one, value in wanted.items():
        if one in domain.attributes:
            service, datum = domain.attributes[one]
            together.setdefault(service, {})[datum] = value
    return [ServiceCall(name, service, data) for service, data in together.items()]
