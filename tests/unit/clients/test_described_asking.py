"""How a list is asked for: instants as systems write them, bodies of a POST, marks, and what cannot be asked."""

from __future__ import annotations

from datetime import datetime

import pytest

from gateway.clients.described import DescribedClient
from gateway.clients.described.asking import instant, placed
from gateway.errors import InvalidInput
from gateway.providers.api.model import Since

SINCE = datetime.fromisoformat("2026-01-02T04:04:05.678+01:00")


def test_instants_are_written_as_each_unit_says() -> None:
    units = {
        "iso": "2026-01-02T03:04:05Z",
        "iso_ms": "2026-01-02T03:04:05.678Z",
        "epoch": "1767323045",
        "epoch_ms": "1767323045678",
        "minutes": "2026-01-02 03:04",
        "day": "2026-01-02",
        "http_date": "Fri, 02 Jan 2026 03:04:05 GMT",
    }
    assert {unit: instant(Since(unit, "p"), SINCE) for unit in units} == units
    assert instant(Since("iso", "p", template="> '{at}'", overlap_seconds=65), SINCE) == "> '2026-01-02T03:03:00Z'"
    with pytest.raises(InvalidInput, match="no time zone"):
        instant(Since("iso", "p"), SINCE.replace(tzinfo=None))


def test_values_are_placed_at_dotted_names_and_the_entry_stays_as_it_is() -> None:
    body = {"query": "q", "variables": {"first": 10}}

    assert placed(body, [("variables.after", "x"), ("filter.at.gt", "y"), ("query", "z")]) == {
        "query": "z",
        "variables": {"first": 10, "after": "x"},
        "filter": {"at": {"gt": "y"}},
    }
    assert placed({"a": "text"}, [("a.b", "x")]) == {"a": {"b": "x"}}
    assert body == {"query": "q", "variables": {"first": 10}}


def test_what_a_list_cannot_be_asked_is_refused_before_anything_is_sent() -> None:
    google = DescribedClient.for_provider("google", "token")
    with google:
        files, events = google.resource("files"), google.resource("events")
        for wrong in (
            lambda: files.pages(mark="m"),
            lambda: files.pages(body={"a": 1}),
            lambda: events.pages({"calendar": "a"}, mark="m", since=SINCE),
        ):
            with pytest.raises(InvalidInput):
                wrong()
        assert not events.is_deleted({"status": "confirmed"})
        assert not google.resource("messages").is_deleted({"status": "cancelled"})


def test_parameters_are_those_of_urls_and_headers() -> None:
    with pytest.raises(InvalidInput, match="no parameter shop"):
        DescribedClient.for_provider("google", "token", parameters={"shop": "x"})
    with pytest.raises(InvalidInput, match="account is missing"):
        DescribedClient.for_provider("twilio", "name:password")
