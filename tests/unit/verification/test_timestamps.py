"""Texts that are times, and those that are not."""

from __future__ import annotations

import pytest

from gateway.webhooks.verification.timestamps import parse
from tests.services.for_each import for_each_row


@for_each_row(
    ("text", "unit", "seconds"),
    [
        ("1795171821", "seconds", 1795171821.0),
        ("1795171821.5", "seconds", 1795171821.5),
        ("1795171821500", "milliseconds", 1795171821.5),
        ("2026-11-20T10:50:21Z", "iso8601", 1795171821.0),
        ("2026-11-20t10:50:21z", "iso8601", 1795171821.0),
        ("2026-11-20T10:50:21", "iso8601", 1795171821.0),
        ("2026-11-20T11:50:21+01:00", "iso8601", 1795171821.0),
        ("2026-11-20T05:20:21-0530", "iso8601", 1795171821.0),
        ("2026-11-20T10:50:21.500000000Z", "iso8601", 1795171821.5),
        ("Fri, 20 Nov 2026 10:50:21 GMT", "http-date", 1795171821.0),
    ],
)
def test_times(text: str, unit: str, seconds: float) -> None:
    assert parse(text, unit) == pytest.approx(seconds, abs=1e-6)


@for_each_row(
    "text",
    ["", "-1", "+1", "1e9", "NaN", "inf", "0x1", "1_000", " 1", "1 ", "1\n", "٣", "１", "9" * 16, "1.", ".5", "1.2.3"],
)
def test_numbers_that_are_no_times(text: str) -> None:
    assert parse(text, "seconds") is None
    assert parse(text, "milliseconds") is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-20T10:50:21Z",
        "2026-11-20",
        "2026-11-20T10:50Z",
        "2026-W47-5T10:50:21Z",
        "2026-11-20T25:50:21Z",
        "2026-11-20T10:50:21+99:00",
        "2026-11-20T10:50:21Z\n",
        "0000-11-20T10:50:21Z",
        "٢026-11-20T10:50:21Z",
    ],
)
def test_dates_that_are_no_times(text: str) -> None:
    assert parse(text, "iso8601") is None


@pytest.mark.parametrize(
    "text", ["20 Nov 2026 10:50:21 GMT", "Fri, 99 Nov 2026 10:50:21 GMT", "Fri, 20 Xxx 2026 10:50:21 GMT", "Fri"]
)
def test_http_dates_that_are_no_times(text: str) -> None:
    assert parse(text, "http-date") is None
