"""What integrations may be set to: every fault by its field, and no secret in any of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.errors import InvalidInput
from gateway.integrations.attributes import (
    Attribute,
    AttributeKind,
    completed,
    configuration_faults,
    form_of,
    from_texts,
    secret_faults,
)
from tests.services.for_each import for_each_row

ATTRIBUTES = (
    Attribute(key="url", label="URL", kind=AttributeKind.URL, required=True, help="where it answers"),
    Attribute(key="name", label="Name", minimum=2, maximum=5, pattern="[a-z]+"),
    Attribute(key="port", label="Port", kind=AttributeKind.INTEGER, minimum=1, maximum=65535, default=8123),
    Attribute(key="share", label="Share", kind=AttributeKind.NUMBER, minimum=0, maximum=1),
    Attribute(key="deep", label="Deep", kind=AttributeKind.BOOLEAN, default=False),
    Attribute(key="unit", label="Unit", kind=AttributeKind.CHOICE, choices=("metric", "imperial")),
    Attribute(key="kinds", label="Kinds", kind=AttributeKind.LIST, choices=("a", "b"), maximum=2),
    Attribute(key="map", label="Map", kind=AttributeKind.MAPPING, maximum=1),
    Attribute(key="token", label="Token", kind=AttributeKind.SECRET, required=True, pattern=r"\S+"),
)
GOOD = {"url": "https://home.example.com:8123/api"}


@for_each_row(
    ("key", "value", "code"),
    [
        ("url", "ftp://home.example.com", "malformed"),
        ("url", "https://", "malformed"),
        ("url", "https://user:pass@home.example.com", "malformed"),
        ("url", "https://home.example.com?x=1", "malformed"),
        ("url", "http://home.example.com", "malformed"),
        ("url", "https://home.example.com:99999", "malformed"),
        ("url", 7, "malformed"),
        ("name", "A", "malformed"),
        ("name", "a", "out_of_range"),
        ("name", "abcdef", "out_of_range"),
        ("name", "a\x00", "malformed"),
        ("port", 0, "out_of_range"),
        ("port", 65_536, "out_of_range"),
        ("port", "8123", "malformed"),
        ("port", True, "malformed"),
        ("share", 1.1, "out_of_range"),
        ("share", float("nan"), "malformed"),
        ("deep", 1, "malformed"),
        ("unit", "royal", "not_allowed"),
        ("kinds", "a", "malformed"),
        ("kinds", ["a", "c"], "not_allowed"),
        ("kinds", ["a", "b", "a"], "out_of_range"),
        ("map", [], "malformed"),
        ("map", {"a": {1: "b"}}, "malformed"),
        ("map", {"a": date(2026, 1, 1)}, "malformed"),
        ("map", {"a": 1, "b": 2}, "out_of_range"),
        ("token", "x", "not_taken"),
        ("prot", 1, "unknown"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(key: str, value: Any, code: str) -> None:
    found = configuration_faults(ATTRIBUTES, {**GOOD, key: value})

    assert [(one.field, one.code) for one in found] == [(f"configuration.{key}", code)]


def test_good_values_have_no_faults() -> None:
    given = {**GOOD, "name": "abc", "port": 1, "share": 0.5, "deep": True, "unit": "metric", "kinds": ["b"], "map": {}}

    assert configuration_faults(ATTRIBUTES, given) == []


def test_plain_http_is_for_installations_that_allow_it() -> None:
    given = {"url": "http://10.0.0.2:8123"}

    assert configuration_faults(ATTRIBUTES, given, plain_http=True) == []


def test_a_missing_one_says_its_help_unless_it_has_a_default() -> None:
    [fault] = configuration_faults(ATTRIBUTES, {})

    assert (fault.field, fault.code) == ("configuration.url", "missing")
    assert "where it answers" in fault.message


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    [fault] = configuration_faults(ATTRIBUTES, {**GOOD, "prot": 1})

    assert fault.hint is not None
    assert fault.hint.parameters == {"names": ["port"]}


def test_secrets_are_judged_and_never_quoted() -> None:
    found = secret_faults(ATTRIBUTES, {"token": "very secret", "port": "hunter2", "tokn": "hunter3"})

    assert sorted(one.field for one in found) == ["secrets.port", "secrets.token", "secrets.tokn"]
    assert not any(word in one.message for one in found for word in ("very", "hunter2", "hunter3"))


def test_a_secret_that_is_held_need_not_be_given() -> None:
    assert [one.code for one in secret_faults(ATTRIBUTES, {})] == ["missing"]
    assert secret_faults(ATTRIBUTES, {}, held=["token"]) == []


def test_what_a_connection_stands_for_is_not_asked_for() -> None:
    token = Attribute(key="token", label="Token", kind=AttributeKind.SECRET, required=True, unless_connected=True)
    url = Attribute(key="url", label="URL", kind=AttributeKind.URL, required=True, unless_connected=True)

    assert secret_faults((token,), {}, is_connected=True) == []
    assert configuration_faults((url,), {}, is_connected=True) == []
    assert len(secret_faults((token,), {}) + configuration_faults((url,), {})) == 2


def test_defaults_complete_what_is_given() -> None:
    assert completed(ATTRIBUTES, {**GOOD, "name": None}) == {**GOOD, "port": 8123, "deep": False}


def test_texts_become_values_of_their_kinds() -> None:
    given = {"port": "1", "share": "0.5", "deep": "yes", "kinds": "a, b", "map": '{"a": [1]}', "name": "", "x": "y"}

    read = from_texts(ATTRIBUTES, given)

    assert read == {
        "port": 1,
        "share": 0.5,
        "deep": True,
        "kinds": ["a", "b"],
        "map": {"a": [1]},
        "name": None,
        "x": "y",
    }


def test_texts_that_cannot_be_read_are_told_together() -> None:
    with pytest.raises(InvalidInput) as raised:
        from_texts(ATTRIBUTES, {"port": "many", "deep": "perhaps", "map": "[1", "share": "x"})

    assert sorted(one.field for one in raised.value.faults) == [
        "configuration.deep",
        "configuration.map",
        "configuration.port",
        "configuration.share",
    ]


def test_a_form_has_every_member_of_every_attribute() -> None:
    forms = form_of(ATTRIBUTES)

    assert [one["key"] for one in forms] == [one.key for one in ATTRIBUTES]
    assert {len(one) for one in forms} == {13}
    assert forms[-1]["secret"] is True


@pytest.mark.parametrize(
    "values",
    [
        {"key": "Not A Key"},
        {"key": "a", "kind": AttributeKind.CHOICE},
        {"key": "a", "kind": AttributeKind.SECRET, "default": "x"},
    ],
)
def test_attributes_that_make_no_sense_are_a_defect(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="attribute"):
        Attribute(label="A", **values)
