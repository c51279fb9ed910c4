"""Systems that are described as data, against the shapes of their documentation: lists to the end, writes, errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import responses
from responses.matchers import query_string_matcher

from gateway.clients import errors
from gateway.clients.described import DescribedClient
from gateway.clients.described.judging import judge_of
from gateway.clients.described.parts import base_url_of
from gateway.clients.values import Answer, Headers
from gateway.errors import InvalidInput, NotFound
from gateway.providers import catalogue
from gateway.providers.api.model import Api
from gateway.strict_yaml import load_strictly
from tests.services.for_each import for_each_row

FIXTURES = Path(__file__).parents[2] / "fixtures" / "api"
NOW = 1_795_171_821.0
SYSTEMS: dict[str, Any] = {
    path.stem: load_strictly(path.read_text("utf-8")) for path in sorted(FIXTURES.glob("*.yaml"))
}
LISTS = [(system, name) for system, fixture in SYSTEMS.items() for name in fixture["lists"]]
ERRORS = [(system, number) for system, fixture in SYSTEMS.items() for number in range(len(fixture["errors"]))]
WRITES = [(system, number) for system, fixture in SYSTEMS.items() for number in range(len(fixture.get("writes", ())))]


def api_of(system: str) -> Api:
    api = catalogue()[system].api
    assert api is not None
    return api


def client(system: str) -> DescribedClient:
    parameters = SYSTEMS[system].get("parameters", {})
    return DescribedClient.for_api(system, api_of(system), "key-1", parameters=parameters, session=requests.Session())


def origin(system: str) -> str:
    url = base_url_of(api_of(system), SYSTEMS[system].get("parameters", {}))
    return "/".join(url.split("/", 3)[:3])


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def test_every_description_has_its_shapes() -> None:
    assert {name for name, provider in catalogue().items() if provider.api is not None} == SYSTEMS.keys()


@pytest.mark.parametrize(("system", "name"), LISTS, ids=[f"{system} {name}" for system, name in LISTS])
def test_lists_are_read_to_their_end(network: responses.RequestsMock, system: str, name: str) -> None:
    fixture = SYSTEMS[system]["lists"][name]
    for page in fixture["pages"]:
        path, _, query = page["request"].partition("?")
        network.get(
            f"{origin(system)}{path}",
            json=page["body"],
            headers=page.get("headers"),
            match=[query_string_matcher(query)],
        )
    since = datetime.fromisoformat(fixture["since"]) if fixture.get("since") else None
    resource = client(system).resource(name)

    found = [resource.identify(record) for record in resource.records(fixture.get("parameters"), since=since)]

    assert found == fixture["ids"]
    place = SYSTEMS[system].get("credential_header", "Authorization")
    assert all("key-1" in call.request.headers[place] for call in network.calls)


@for_each_row(("system", "number"), ERRORS)
def test_errors_are_what_the_system_means(system: str, number: int) -> None:
    said = SYSTEMS[system]["errors"][number]
    headers = Headers([("Content-Type", "application/json"), *said.get("headers", {}).items()])

    error = judge_of(api_of(system))(Answer(said["status"], headers, orjson.dumps(said["body"])), NOW)

    assert type(error) is getattr(errors, said["error"])
    assert error.retry_after_seconds == said.get("retry_after")
    assert said.get("says", "") in str(error)
    if "vendor_code" in said:
        assert error.call.vendor_code == said["vendor_code"]


@pytest.mark.parametrize(("system", "number"), WRITES, ids=[f"{system} {number}" for system, number in WRITES])
def test_writes_are_sent_as_the_system_takes_them(network: responses.RequestsMock, system: str, number: int) -> None:
    write = SYSTEMS[system]["writes"][number]
    method, path = write["request"].split()
    network.add(method, f"{origin(system)}{path}", json={"id": "new"})
    resource = client(system).resource(write["resource"])

    assert resource.write(write["action"], write.get("record"), **write.get("parameters", {})) == {"id": "new"}

    sent = network.calls[0].request
    assert (sent.body or b"").decode() == write.get("sends", "")
    assert write.get("header", "User-Agent") in sent.headers


def test_what_is_not_there_is_told_with_what_is() -> None:
    hubspot = client("hubspot")

    with pytest.raises(NotFound, match="contacts") as caught:
        hubspot.resource("contact")
    assert caught.value.hints[0].parameters == {"names": ["contacts"]}
    with pytest.raises(InvalidInput, match="not known to upsert"):
        hubspot.resource("contacts").write("upsert", {})
    with pytest.raises(InvalidInput, match="cannot be asked for what changed"):
        next(hubspot.resource("contacts").records(since=datetime.fromisoformat("2026-01-01T00:00:00Z")))


@pytest.mark.parametrize("shop", [None, "evil.example/", "a@b", "acme.evil", ""])
def test_parameters_of_a_base_url_lead_nowhere_else(shop: str | None) -> None:
    with pytest.raises(InvalidInput, match="shop"):
        base_url_of(api_of("shopify"), {"shop": shop} if shop is not None else {})
