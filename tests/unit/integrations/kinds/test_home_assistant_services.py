"""From what is wanted of an entity of Home Assistant to the services that bring it about."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import InvalidInput
from gateway.integrations.kinds.home_assistant.services import SETTABLE, ServiceCall, calls_for
from tests.services.for_each import for_each

CASES: list[tuple[str, dict[str, Any], list[ServiceCall]]] = [
    ("switch.fan", {"state": "off"}, [ServiceCall("switch", "turn_off")]),
    ("light.hall", {"state": "on", "brightness": 90}, [ServiceCall("light", "turn_on", {"brightness": 90})]),
    # A lamp that is switched off takes no brightness along.
    ("light.hall", {"state": "off", "brightness": 90}, [ServiceCall("light", "turn_off")]),
    (
        "light.hall",
        {"brightness": 10, "effect": "calm"},
        [ServiceCall("light", "turn_on", {"brightness": 10, "effect": "calm"})],
    ),
    ("cover.door", {"current_position": 40}, [ServiceCall("cover", "set_cover_position", {"position": 40})]),
    ("lock.front", {"state": "locked"}, [ServiceCall("lock", "lock")]),
    ("number.level", {"state": "7"}, [ServiceCall("number", "set_value", {"value": 7.0})]),
    ("input_select.mode", {"state": "night"}, [ServiceCall("input_select", "select_option", {"option": "night"})]),
    (
        "climate.hall",
        {"state": "heat", "target_temp_low": 18, "target_temp_high": 22, "fan_mode": "low"},
        [
            ServiceCall("climate", "set_hvac_mode", {"hvac_mode": "heat"}),
            ServiceCall("climate", "set_temperature", {"target_temp_low": 18, "target_temp_high": 22}),
            ServiceCall("climate", "set_fan_mode", {"fan_mode": "low"}),
        ],
    ),
    ("fan.roof", {}, []),
]


@for_each(CASES, lambda case: f"{case[0]} {case[1]}")
def test_calls(case: tuple[str, dict[str, Any], list[ServiceCall]]) -> None:
    entity_id, wanted, calls = case
    assert calls_for(entity_id, wanted) == calls


@pytest.mark.parametrize(
    ("entity_id", "wanted", "fields"),
    [
        ("sensor.door", {"state": "open"}, ["state"]),
        ("light.hall", {"state": "dim", "unit": "x"}, ["state", "unit"]),
        ("number.level", {"state": "many"}, ["state"]),
        ("number.level", {"state": None}, ["state"]),
        ("camera.yard", {"brightness": 3}, ["brightness"]),
    ],
)
def test_what_no_service_sets_is_refused_by_field(entity_id: str, wanted: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        calls_for(entity_id, wanted)
    assert [fault.field for fault in refused.value.faults] == fields


def test_what_some_domain_lets_set_is_settable() -> None:
    assert {"state", "brightness", "temperature", "volume_level"} <= SETTABLE
    assert "friendly_name" not in SETTABLE
