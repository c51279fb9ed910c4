"""From what Home Assistant tells to entities."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities.external import RecordInvalid
from gateway.integrations.kinds.home_assistant.records import Registries, area_of, entity_id_of, entity_of

STATE = {
    "entity_id": "light.hall",
    "state": "on",
    "attributes": {"friendly_name": "Hall", "brightness": 90, "entity_picture": "/api/x?token=secret"},
    "last_changed": "2026-11-27T10:00:00+00:00",
    "last_updated": "2026-11-27T10:00:01+00:00",
    "context": {"id": "01A", "parent_id": None, "user_id": None},
}
REGISTRIES = Registries.of(
    [
        {"entity_id": "light.hall", "id": "r1", "device_id": "child", "platform": "hue"},
        {"entity_id": "light.own", "id": "r2", "device_id": "child", "area_id": "attic"},
    ],
    [{"id": "child", "parent_device_id": "whole"}, {"id": "whole", "name": "Bridge", "area_id": "hall"}],
    [{"area_id": "hall", "name": "Hall"}, {"area_id": "attic", "name": "Attic"}],
)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["state", "entity_id", "attributes", "area_id", "name"]), inner)
    ),
    max_leaves=8,
)


def test_an_entity() -> None:
    found = entity_of(REGISTRIES.record(STATE))
    assert (found.integration_id, found.name, found.state, found.area) == ("light.hall", "Hall", "on", "Hall")
    assert found.attributes == {"brightness": 90, "domain": "light", "state": "on", "platform": "hue"}
    assert found.mark == "01A"
    assert found.state_at is not None
    assert found.state_at.isoformat() == "2026-11-27T10:00:00+00:00"


def test_an_area_of_its_own_comes_before_that_of_its_device() -> None:
    assert entity_of(REGISTRIES.record({**STATE, "entity_id": "light.own"})).area == "Attic"


def test_without_registries_there_is_no_area() -> None:
    assert entity_of(Registries().record(STATE)).area is None


def test_a_circle_of_devices_ends() -> None:
    circle = Registries.of(
        [{"entity_id": "light.hall", "device_id": "a"}],
        [{"id": "a", "parent_device_id": "b"}, {"id": "b", "parent_device_id": "a"}],
        [],
    )
    assert entity_of(circle.record(STATE)).area is None


@given(JSON)
def test_whatever_comes_is_an_entity_or_no_record(raw: Any) -> None:
    for read in (entity_of, area_of):
        try:
            found = read(raw)
        except RecordInvalid:
            continue
        assert found.integration_id
    assert entity_id_of(raw) is None or isinstance(entity_id_of(raw), str)


@pytest.mark.parametrize("wrong", [{"entity_id": "hall"}, {"state": 3}, {"attributes": "none"}])
def test_what_is_wrong_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid):
        entity_of({"state": {**STATE, **wrong}})
