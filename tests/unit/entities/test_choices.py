"""What a person says about a conflict."""

from __future__ import annotations

import pytest

from gateway.entities.comparing import ABSENT
from gateway.entities.resolving.choices import Resolution, chosen
from gateway.errors import InvalidInput

FIELDS = {"phone": {"base": "1", "local": "2", "external": "3"}, "city": {"base": "Bern", "local": "Basel"}}


def test_a_side_holds_for_all_of_which_nothing_else_is_said() -> None:
    found = chosen(FIELDS, Resolution(take="external", sides={"phone": "local"}))
    assert found["phone"] == ("local", "2", "3")
    assert found["city"] == ("external", ABSENT, ABSENT)


def test_another_value_holds_before_any_side() -> None:
    found = chosen(FIELDS, Resolution(take="local", sides={"phone": "external"}, values={"phone": None}))
    assert found["phone"] == ("value", None, "3")
    assert found["city"] == ("local", "Basel", ABSENT)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        chosen(FIELDS, Resolution(sides={"phon": "local", "phone": "ours"}))
    told = {(fault.field, fault.code) for fault in refused.value.faults}
    assert told == {("fields.phon", "unknown"), ("fields.phone", "not_allowed"), ("take", "missing")}
    [unknown] = [fault for fault in refused.value.faults if fault.code == "unknown"]
    assert unknown.hint is not None
    assert unknown.hint.parameters == {"names": ["phone"]}
