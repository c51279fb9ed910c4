"""How a list is asked for: instants as systems write them, bodies of a POST, marks, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
import requests
import responses

from gateway.clients.client import ApiClient
from gateway.clients.described import DescribedClient
from gateway.clients.described.asking import instant, placed
from gateway.clients.errors import Unavailable
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
    google = ApiClient.for_provider("google", "token")
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
        assert files.is_deleted({"trashed": True})
        assert not files.is_deleted({"trashed": "false"})
        assert not google.resource("messages").is_deleted({"status": "cancelled"})


def test_parameters_are_those_of_urls_and_headers() -> None:
    with pytest.raises(InvalidInput, match="no parameter shop"):
        ApiClient.for_provider("google", "token", parameters={"shop": "x"})
    with pytest.raises(InvalidInput, match="account is missing"):
        ApiClient.for_provider("twilio", "name:password")


def answers_at_the_second_try(
    system: str, method: str, url: str, ask: Callable[[DescribedClient], object]
) -> list[str]:
    """The bodies that were sent until an answer came, where the system is away at first."""
    with responses.RequestsMock() as network:
        network.add(method, url, status=503)
        network.add(method, url, json={"results": [], "has_more": False})
        ask(ApiClient.for_provider(system, "key", session=requests.Session(), sleep=lambda _seconds: None))
        return [(call.request.body or b"").decode() for call in network.calls]


def test_what_reads_by_post_and_what_has_a_key_is_sent_again() -> None:
    read = answers_at_the_second_try(
        "notion", "POST", "https://api.notion.com/v1/search", lambda notion: list(notion.resource("pages").records())
    )
    assert len(read) == 2

    first, second = answers_at_the_second_try(
        "square",
        "POST",
        "https://connect.squareup.com/v2/customers",
        lambda square: square.resource("customers").write("create", {"given_name": "Ada"}),
    )
    assert first == second  # the key too

    assert (
        len(
            answers_at_the_second_try(
                "gocardless",
                "POST",
                "https://api.gocardless.com/payments",
                lambda gocardless: gocardless.resource("payments").write("create", {"amount": 1}),
            )
        )
        == 2
    )


def test_a_write_without_a_key_is_sent_once() -> None:
    with responses.RequestsMock() as network:
        network.post("https://app.asana.com/api/1.0/tasks", status=503)
        asana = ApiClient.for_provider("asana", "key", session=requests.Session(), sleep=lambda _seconds: None)
        with pytest.raises(Unavailable):
            asana.resource("tasks").write("create", {"name": "Tea"})
        assert len(network.calls) == 1
