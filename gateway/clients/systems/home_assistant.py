"""A client for Home Assistant's REST API: https://developers.home-assistant.io/docs/api/rest.

    home = HomeAssistant("https://home.example.com", token)
    home.call_service("light", "turn_on", target={"entity_id": "light.hall"})

What Home Assistant sends by itself is in `home_assistant_socket`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.clients.auth.base import Auth, TokenSource, bearer
from gateway.clients.client import ApiClient
from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    FailedCall,
    IntegrationError,
    ResponseInvalid,
)
from gateway.clients.judging import by_status, failure
from gateway.clients.systems.home_assistant_values import (
    SYSTEM,
    ServiceOutcome,
    State,
    mapping,
    sequence,
    state_in,
)
from gateway.clients.values import Answer

_SERVICE = "/services/{domain}/{service}"


class HomeAssistant:
    """One installation. `http` is the client that carries its calls out. Safe from any thread."""

    def __init__(self, base_url: str, token: str | TokenSource | Auth, **options: Any) -> None:
        """`base_url` is where its pages are, without `/api`; `token` a long-lived access token, what gives tokens, or
        an `Auth`. `options` are those of `ApiClient`. Raises `ValueError`.
        """
        given: dict[str, Any] = {"system": SYSTEM, "judge": judge}
        self.http = ApiClient(f"{base_url.rstrip('/')}/api", auth=bearer(token), **given | options)

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def check(self) -> None:
        """Raises `IntegrationError` unless it runs and takes the token."""
        # The slash at the end matters.
        mapping(self.http.json("GET", "/"), "a message")

    def config(self) -> Mapping[str, Any]:
        """Name, place, units, version, components; `state` is RUNNING once it has started."""
        return mapping(self.http.json("GET", "/config"), "the configuration")

    def states(self) -> list[State]:
        """All entities."""
        return [state_in(one) for one in sequence(self.http.json("GET", "/states"), "states")]

    def state(self, entity_id: str) -> State:
        """One entity. Raises `RemoteNotFound`."""
        return state_in(self.http.json("GET", "/states/{entity_id}", {"entity_id": entity_id}))

    def set_state(self, entity_id: str, state: str, attributes: Mapping[str, Any] | None = None) -> State:
        """Change what Home Assistant shows; the device is not asked: `call_service` does that. For administrators."""
        body = {"state": state, "attributes": dict(attributes or {})}
        return state_in(self.http.json("POST", "/states/{entity_id}", {"entity_id": entity_id}, json=body))

    def remove_state(self, entity_id: str) -> None:
        """Forget what it shows of an entity. For administrators."""
        self.http.delete("/states/{entity_id}", {"entity_id": entity_id})

    def services(self) -> Sequence[Mapping[str, Any]]:
        """The services of each domain, with their fields."""
        return sequence(self.http.json("GET", "/services"), "services")

    def call_service(
        self,
        domain: str,
        service: str,
        data: Mapping[str, Any] | None = None,
        *,
        target: Mapping[str, Any] | None = None,
        wants_response: bool = False,
    ) -> ServiceOutcome:
        """Call a service; `target` is `entity_id`, `device_id`, `area_id` or `label_id`, one or several. Not repeated
        once it may have arrived. Raises `RequestRefused` for a service that is not there and data that does not fit,
        without its reason: that is told by WebSocket alone. `ResponseInvalid` where an old version ignored
        `wants_response`.
        """
        answer = self.http.json(
            "POST",
            _SERVICE,
            {"domain": domain, "service": service},
            query=[("return_response", "true")] if wants_response else (),
            json={**(data or {}), **(target or {})},
        )
        if not wants_response:
            return ServiceOutcome(tuple(map(state_in, sequence(answer, "states"))))
        if isinstance(answer, list):
            call = FailedCall(SYSTEM, "POST", _SERVICE, 200, tries=1, may_have_happened=True)
            raise ResponseInvalid(
                f"{SYSTEM}: the service was called, and this version gives no responses by REST: call by WebSocket",
                call=call,
            )
        outcome = mapping(answer, "a response")
        changed = tuple(map(state_in, sequence(outcome.get("changed_states"), "states")))
        return ServiceOutcome(changed, outcome.get("service_response"))

    def fire_event(self, event_type: str, data: Mapping[str, Any] | None = None) -> None:
        """Put an event on its bus. For administrators."""
        self.http.post("/events/{event_type}", {"event_type": event_type}, json=dict(data or {}))

    def history(
        self,
        entity_ids: Sequence[str],
        since: datetime,
        until: datetime | None = None,
        *,
        is_minimal: bool = False,
        has_attributes: bool = True,
        significant_only: bool = False,
    ) -> dict[str, list[State]]:
        """The states of entities from `since` (aware) on, a day without `until`; of each at least the one then.

        `is_minimal` leaves attributes and contexts out but for the first and last.
        """
        if not entity_ids:
            raise ValueError("a history is that of named entities")
        query = {
            "filter_entity_id": ",".join(entity_ids),
            "end_time": _iso(until) if until is not None else None,
            # Flags whose being there is what counts.
            "minimal_response": "1" if is_minimal else None,
            "no_attributes": None if has_attributes else "1",
            "significant_changes_only": "1" if significant_only else "0",
        }
        answer = self.http.json("GET", "/history/period/{since}", {"since": _iso(since)}, query=query)
        found: dict[str, list[State]] = {}
        for entries in sequence(answer, "histories"):
            name = ""
            for entry in sequence(entries, "states"):
                state = state_in(entry, name)
                name = state.entity_id
                found.setdefault(name, []).append(state)
        return found

    def logbook(
        self, since: datetime, until: datetime | None = None, entity_id: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """What the logbook tells from `since` (aware) on, a day without `until`."""
        query = {"end_time": _iso(until) if until is not None else None, "entity": entity_id}
        return sequence(self.http.json("GET", "/logbook/{since}", {"since": _iso(since)}, query=query), "entries")

    def render_template(self, template: str, variables: Mapping[str, Any] | None = None) -> str:
        """What a Jinja template comes to. Raises `RequestRefused` with what is wrong in it."""
        body: dict[str, Any] = {"template": template} | ({"variables": dict(variables)} if variables else {})
        return self.http.post("/template", json=body).text

    def error_log(self) -> str:
        """Its log since it was started. For administrators."""
        return self.http.get("/error_log").text


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """By status; a 401 and a 403 say what to look at, because trying again with a wrong token gets addresses banned."""
    if answer.status == 401:
        return failure(AuthenticationFailed, "the access token is not taken: it was revoked, or is another's", answer)
    if answer.status == 403:
        message = "the token's user is no administrator, or this address is banned after failed logins (ip_bans.yaml)"
        return failure(AuthorizationFailed, message, answer)
    return by_status(answer, now)


def _iso(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("instants are aware: give them a time zone")
    return at.isoformat()
