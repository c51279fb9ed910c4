"""Writes of described systems that are bound to the version that was read, and clients by a provider's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests
import responses

from gateway.clients.client import ApiClient
from gateway.clients.described import DescribedClient
from gateway.clients.described.writing import options_of
from gateway.clients.errors import RemoteConflict
from gateway.errors import InvalidInput, NotFound
from gateway.providers.api.model import Concurrency, Write

UPDATE = Write("PATCH", "/things/{id}", wrap="thing")


def options(concurrency: Concurrency | None, based_on: Mapping[str, Any], write: Write = UPDATE) -> dict[str, Any]:
    return options_of(write, {"name": "new"}, concurrency=concurrency, based_on=based_on)


def test_a_version_goes_where_the_entry_says() -> None:
    by_header = options(Concurrency("meta.etag", header="If-Match"), {"meta": {"etag": 'W/"3"'}})
    assert (by_header["headers"], by_header["json"]) == ({"If-Match": 'W/"3"'}, {"thing": {"name": "new"}})
    by_field = options(Concurrency("version", field="meta.version"), {"version": 3})
    assert by_field["json"] == {"thing": {"name": "new", "meta": {"version": 3}}}
    unmodified = Concurrency("changed", header="If-Unmodified-Since")
    for written in ("2026-01-02T04:04:05.678+01:00", "2026-01-02T03:04:05"):
        since = options(unmodified, {"changed": written})["headers"]
        assert since == {"If-Unmodified-Since": "Fri, 02 Jan 2026 03:04:05 GMT"}


@pytest.mark.parametrize(
    ("concurrency", "based_on", "said"),
    [
        (None, {"etag": "3"}, "not known"),
        (Concurrency("etag", header="If-Match"), {"etag": ""}, "no version at etag"),
        (Concurrency("etag", header="If-Match"), {"etag": True}, "no version at etag"),
        (Concurrency("changed", header="If-Unmodified-Since"), {"changed": "yesterday"}, "not an instant"),
    ],
)
def test_nothing_is_written_without_the_version_that_was_asked_for(
    concurrency: Concurrency | None, based_on: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        options(concurrency, based_on)


def test_a_version_that_was_kept_as_text_goes_back_as_the_system_has_it() -> None:
    def sent(concurrency: Concurrency, version: str) -> dict[str, Any]:
        return options_of(UPDATE, {"name": "new"}, concurrency=concurrency, version=version)

    assert sent(Concurrency("etag", header="If-Match"), '"3"')["headers"] == {"If-Match": '"3"'}
    counted = Concurrency("version", field="version", is_number=True)
    assert sent(counted, "3")["json"] == {"thing": {"name": "new", "version": 3}}
    assert sent(Concurrency("version", field="version"), "3")["json"] == {"thing": {"name": "new", "version": "3"}}
    with pytest.raises(InvalidInput, match="no number"):
        sent(counted, "three")


def test_a_key_of_the_callers_goes_where_the_write_takes_one() -> None:
    create = Write("POST", "/things", wrap="thing", idempotency_field="key")
    sent = options_of(create, {"name": "new"}, concurrency=None, idempotency_key="k1")
    assert (sent["json"], sent["may_repeat"]) == ({"thing": {"name": "new"}, "key": "k1"}, True)
    by_header = options_of(
        Write("POST", "/things", idempotency_header="X-Key"), {}, concurrency=None, idempotency_key="k"
    )
    assert by_header["headers"] == {"X-Key": "k"}


def test_what_changed_meanwhile_is_a_conflict() -> None:
    with responses.RequestsMock() as network:
        network.patch("https://www.googleapis.com/calendar/v3/calendars/primary/events/1", status=412, json={})
        events = ApiClient.for_provider("google", "token", session=requests.Session()).resource("events")
        with pytest.raises(RemoteConflict):
            events.write("update", {"summary": "Tea"}, based_on={"etag": '"1"'}, calendar="primary", id="1")


def test_a_client_is_asked_for_by_the_name_of_a_provider() -> None:
    class Tokens:
        def token(self) -> str:
            return "from-a-source"

        def renew(self, refused: str) -> bool:
            return False

    with responses.RequestsMock() as network:
        network.get("https://api.hubapi.com/crm/objects/2026-03/contacts", json={"results": [{"id": "1"}]})
        with ApiClient.for_provider("hubspot", Tokens(), session=requests.Session()) as hubspot:
            assert isinstance(hubspot, DescribedClient)
            assert [record["id"] for record in hubspot.resource("contacts").records()] == ["1"]
        assert network.calls[0].request.headers["Authorization"] == "Bearer from-a-source"
    with pytest.raises(NotFound, match="hubspo"):
        ApiClient.for_provider("hubspo")
