"""Home Assistant's REST API against answers of the shapes that its documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from responses.matchers import json_params_matcher, query_param_matcher

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    IntegrationError,
    RemoteNotFound,
    RequestRefused,
    ResponseInvalid,
)
from gateway.clients.systems.home_assistant import HomeAssistant
from tests.unit.clients.conftest import TOKEN

BASE = "https://home.example.com"
CONTEXT = {"id": "01HX", "parent_id": None, "user_id": "u1"}
LIGHT = {
    "entity_id": "light.hall",
    "state": "on",
    "attributes": {"brightness": 9},
    "last_changed": "2026-05-30T21:43:29.204838+00:00",
    "last_updated": "2026-05-30T21:43:29.204838+00:00",
    "context": CONTEXT,
}


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mocked:
        yield mocked


@pytest.fixture
def home() -> HomeAssistant:
    return HomeAssistant(BASE, TOKEN, session=requests.Session())


def test_states(web: responses.RequestsMock, home: HomeAssistant) -> None:
    web.get(f"{BASE}/api/", json={"message": "API running."})
    web.get(f"{BASE}/api/states", json=[LIGHT, LIGHT | {"entity_id": "sun.sun", "new_field": 1}])
    web.get(f"{BASE}/api/states/light.hall", json=LIGHT)
    web.post(f"{BASE}/api/states/light.hall", json=LIGHT, status=201)

    home.check()
    assert [state.entity_id for state in home.states()] == ["light.hall", "sun.sun"]
    state = home.state("light.hall")
    assert (state.state, state.context.user_id) == ("on", "u1")
    assert state.last_changed == datetime(2026, 5, 30, 21, 43, 29, 204838, tzinfo=UTC)
    home.set_state("light.hall", "on", {"brightness": 9})

    assert all(call.request.headers["Authorization"] == f"Bearer {TOKEN}" for call in web.calls)


def test_services(web: responses.RequestsMock, home: HomeAssistant) -> None:
    body = {"brightness": 9, "entity_id": ["light.hall"]}
    web.post(f"{BASE}/api/services/light/turn_on", json=[LIGHT], match=[json_params_matcher(body)])
    web.post(
        f"{BASE}/api/services/weather/get_forecasts",
        json={"changed_states": [], "service_response": {"weather.home": {"forecast": []}}},
        match=[query_param_matcher({"return_response": "true"})],
    )

    done = home.call_service("light", "turn_on", {"brightness": 9}, target={"entity_id": ["light.hall"]})
    assert [state.entity_id for state in done.changed] == ["light.hall"]
    asked = home.call_service("weather", "get_forecasts", wants_response=True)
    assert asked.response == {"weather.home": {"forecast": []}}


def test_a_version_that_gives_no_responses_by_rest(web: responses.RequestsMock, home: HomeAssistant) -> None:
    # 2024.3.3 calls the service, and answers as if nobody had asked for a response.
    web.post(f"{BASE}/api/services/script/answer", json=[LIGHT])

    with pytest.raises(ResponseInvalid, match="by WebSocket") as caught:
        home.call_service("script", "answer", wants_response=True)

    assert caught.value.call.may_have_happened


def test_history_without_what_a_minimal_one_leaves_out(web: responses.RequestsMock, home: HomeAssistant) -> None:
    short = {"state": "off", "last_changed": "2026-05-30T21:50:00+00:00"}
    query = {"filter_entity_id": "light.hall,sun.sun", "minimal_response": "1"}
    web.get(
        f"{BASE}/api/history/period/2026-05-30T00%3A00%3A00%2B00%3A00",
        json=[[LIGHT, short], []],
        match=[query_param_matcher(query, strict_match=False)],
    )

    found = home.history(["light.hall", "sun.sun"], datetime(2026, 5, 30, tzinfo=UTC), is_minimal=True)

    assert [state.state for state in found["light.hall"]] == ["on", "off"]
    with pytest.raises(ValueError, match="named entities"):
        home.history([], datetime(2026, 5, 30, tzinfo=UTC))
    with pytest.raises(ValueError, match="time zone"):
        home.history(["a.b"], datetime(2026, 5, 30))  # noqa: DTZ001


def test_text(web: responses.RequestsMock, home: HomeAssistant) -> None:
    web.post(f"{BASE}/api/template", body="It is on", content_type="text/plain")
    web.get(f"{BASE}/api/error_log", body="2026-05-30 ERROR", content_type="text/plain")

    assert home.render_template("It is {{ states('light.hall') }}") == "It is on"
    assert home.error_log() == "2026-05-30 ERROR"


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, "401: Unauthorized", AuthenticationFailed, "token"),
        (403, "403: Forbidden", AuthorizationFailed, "ip_bans"),
        (404, json.dumps({"message": "Entity not found."}), RemoteNotFound, "Entity not found"),
        (400, json.dumps({"message": f"Bad {TOKEN}"}), RequestRefused, "Bad"),
        (200, "<html>log in</html>", ResponseInvalid, "base URL"),
        (200, '{"message": "x"}', ResponseInvalid, "entity_id"),
        (200, "null", ResponseInvalid, "a state"),
    ],
)
def test_errors(
    web: responses.RequestsMock, home: HomeAssistant, status: int, body: str, kind: type[IntegrationError], said: Any
) -> None:
    web.get(f"{BASE}/api/states/light.hall", body=body, status=status)

    with pytest.raises(kind, match=said) as caught:
        home.state("light.hall")

    assert len(web.calls) == 1
    assert TOKEN not in f"{caught.value}{caught.value.call}"
