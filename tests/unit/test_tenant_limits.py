"""What may be given for a tenant: limits and origins."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidInput
from gateway.tenants.draft import TenantChange, faults, origin_of, parse_limit
from gateway.tenants.limits import NAMES, TenantLimits, limits_of
from tests.services.for_each import for_each

GOOD_ORIGINS = {
    "https://app.example.com": "https://app.example.com",
    "HTTPS://App.Example.com:443/": "https://app.example.com",
    "https://app.example.com:8443": "https://app.example.com:8443",
    "http://127.0.0.1:3000": "http://127.0.0.1:3000",
    "http://localhost:3000": "http://localhost:3000",
    "http://[::1]:80": "http://[::1]",
}
BAD_ORIGINS = [
    "",
    "app.example.com",
    "http://app.example.com",
    "ftp://app.example.com",
    "https://*.example.com",
    "https://app.example.com/in",
    "https://app.example.com?x",
    "https://app.example.com#x",
    "https://user:pw@app.example.com",
    "https://app.example.com:99999",
    "https://",
    "https://äpp.example.com",
    "javascript:alert(1)",
]


@for_each(GOOD_ORIGINS, str)
def test_an_origin_has_one_spelling(text: str) -> None:
    assert origin_of(text) == GOOD_ORIGINS[text]
    assert faults(TenantChange(return_origins=[text])) == []


@for_each(BAD_ORIGINS, repr)
def test_what_is_no_origin_is_refused(text: str) -> None:
    [fault] = faults(TenantChange(return_origins=["https://ok.example.com", text]))
    assert (fault.field, fault.code) == ("return_origins[1]", "malformed")


def test_origins_are_few() -> None:
    [fault] = faults(TenantChange(return_origins=[f"https://{n}.example.com" for n in range(21)]))
    assert fault.code == "too_long"


@for_each(
    [
        ("nothing", 1, "limits", "unknown"),
        ("sources", 1.5, "limits.sources", "malformed"),
        ("sources", -1, "limits.sources", "out_of_range"),
        ("sources", True, "limits.sources", "malformed"),
        ("stored_bytes", 2**60, "limits.stored_bytes", "out_of_range"),
        ("events_per_second", 0, "limits.events_per_second", "out_of_range"),
        ("events_per_second", float("nan"), "limits.events_per_second", "out_of_range"),
        ("api_requests_per_second", "ten", "limits.api_requests_per_second", "malformed"),
    ],
    repr,
)
def test_limits_are_judged(case: tuple[str, float, str, str]) -> None:
    name, value, field, code = case
    [fault] = faults(TenantChange(limits={name: value}))
    assert (fault.field, fault.code) == (field, code)


def test_what_is_stored_and_cannot_be_read_bounds_nothing() -> None:
    assert limits_of({"sources": 3, "destinations": "many", "other": 1, "events_per_second": None}) == TenantLimits(
        sources=3
    )
    assert limits_of(None) == limits_of([1]) == TenantLimits()


def test_limits_as_people_write_them() -> None:
    assert [parse_limit("sources", text) for text in ("10", "1e3", "0.5", "none", "None")] == [
        10,
        1000,
        0.5,
        None,
        None,
    ]
    assert isinstance(parse_limit("sources", "10"), int)
    for text in ("ten", "", "inf", "nan"):
        with pytest.raises(InvalidInput):
            parse_limit("sources", text)
    assert len(NAMES) == 6
