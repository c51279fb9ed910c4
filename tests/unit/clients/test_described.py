"""Systems that are described as data, against the shapes of their documentation: lists to the end, writes, errors."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import requests
import responses
from responses.matchers import header_matcher, json_params_matcher, query_string_matcher

from gateway.clients import errors
from gateway.clients.described import DescribedClient
from gateway.clients.described.judging import judge_of
from gateway.clients.described.parts import base_url_of
from gateway.clients.values import Answer, Headers
from gateway.errors import InvalidInput, NotFound
from gateway.providers import catalogue
from gateway.providers.api.model import Api
from gateway.strict_yaml import load_strictly
from tests.services.for_each import for_each

FIXTURES = Path(__file__).parents[2] / "fixtures" / "api"
NOW = 1_795_171_821.0
SYSTEMS: dict[str, Any] = {
    path.stem: load_strictly(path.read_text("utf-8")) for path in sorted(FIXTURES.glob("*.yaml"))
}


def api_of(system: str) -> Api:
    api = catalogue()[system].api
    assert api is not None
    return api


def client(system: str) -> DescribedClient:
    api, parameters = api_of(system), SYSTEMS[system].get("parameters", {})
    key = "name:key-1" if api.credential.kind == "basic" and not api.credential.username else "key-1"
    return DescribedClient.for_api(system, api, key, parameters=parameters, session=requests.Session())


def origin(system: str, resource: str) -> str:
    api = api_of(system)
    url = base_url_of(api, SYSTEMS[system].get("parameters", {}), api.resources[resource].service)
    return "/".join(url.split("/", 3)[:3])


def test_every_description_has_its_shapes() -> None:
    assert {name for name, provider in catalogue().items() if provider.api is not None} == SYSTEMS.keys()
    assert len(SYSTEMS) >= 45


@for_each(SYSTEMS, name=str)
def test_a_system_is_called_as_its_documentation_says(system: str) -> None:
    """Lists to their end, errors and what they mean, writes: all shapes of one system."""
    fixture = SYSTEMS[system]
    assert any(len(one["pages"]) > 1 for one in fixture["lists"].values()), "no list has a second page"
    assert {"RateLimited"} < {one["error"] for one in fixture["errors"]}, "a limit, and another error"
    for name, one in fixture["lists"].items():
        read_list(system, one.get("list", name), one)
    for said in fixture["errors"]:
        judge_error(system, said)
    for write in fixture.get("writes", ()):
        send_write(system, write)


def read_list(system: str, name: str, fixture: dict[str, Any]) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as network:
        for page in fixture["pages"]:
            method, _, target = page["request"].rpartition(" ")
            path, _, query = target.partition("?")
            matching: list[Any] = [query_string_matcher(query)]
            if "sends" in page:
                matching.append(json_params_matcher(page["sends"]))
            if "carries" in page:
                matching.append(header_matcher(page["carries"]))
            url = f"{origin(system, name)}{path}"
            body = full(page["body"], page["repeat"]) if "repeat" in page else page["body"]
            network.add(method or "GET", url, json=body, headers=page.get("headers"), match=matching)
        options = {key: fixture[key] for key in ("mark", "body") if key in fixture}
        if fixture.get("since"):
            options["since"] = datetime.fromisoformat(fixture["since"])
        resource = client(system).resource(name)
        pages = list(resource.pages(fixture.get("parameters"), query=fixture.get("query"), **options))
        sent = [call.request.headers for call in network.calls]

    records = [record for page in pages for record in page.records]
    ids = [resource.identify(record) for record in records]
    assert (ids[-1:] == fixture["last_ids"]) if "last_ids" in fixture else (ids == fixture["ids"]), name
    assert [resource.identify(record) for record in records if resource.is_deleted(record)] == fixture.get("gone", [])
    if "next_mark" in fixture:
        assert [resource.mark_of(page) for page in pages[:-1]] == fixture.get("marks_before", [None] * (len(pages) - 1))
        assert resource.mark_of(pages[-1]) == fixture["next_mark"]
    for header, value in SYSTEMS[system].get("credential", {"Authorization": "Bearer key-1"}).items():
        assert [headers[header] for headers in sent] == [value] * len(sent)


def full(body: Any, times: int) -> Any:
    """A page with as many records as its size: what ends at one with fewer goes on after it."""
    if isinstance(body, list):
        return body * times
    return {key: value * times if isinstance(value, list) else value for key, value in body.items()}


def judge_error(system: str, said: dict[str, Any]) -> None:
    headers = Headers([("Content-Type", "application/json"), *said.get("headers", {}).items()])

    error = judge_of(api_of(system))(Answer(said["status"], headers, orjson.dumps(said["body"])), NOW)

    assert type(error) is getattr(errors, said["error"]), said
    assert error.retry_after_seconds == said.get("retry_after"), said
    assert said.get("says", "") in str(error), said
    for key in ("vendor_code", "request_id"):
        if key in said:
            assert getattr(error.call, key) == said[key], said


def send_write(system: str, write: dict[str, Any]) -> None:
    method, path = write["request"].split()
    resource = client(system).resource(write["resource"])
    with responses.RequestsMock() as network:
        network.add(method, f"{origin(system, write['resource'])}{path}", json={"id": "new"})
        given = {"based_on": write["based_on"]} if "based_on" in write else {}
        answer = resource.write(write["action"], write.get("record"), **given, **write.get("parameters", {}))
        sent = network.calls[0].request

    assert answer == {"id": "new"}
    body = (sent.body or b"").decode()
    if "key" in write:  # a field of the body, different each time
        fields = orjson.loads(body)
        assert len(fields.pop(write["key"])) == 36
        assert fields == write["sends"]
    else:
        assert body == write.get("sends", ""), write
    assert write.get("header", "User-Agent") in sent.headers, write
    assert sent.headers.items() >= write.get("carries", {}).items(), write
    assert urlsplit(sent.url).query == write.get("query", ""), write


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
