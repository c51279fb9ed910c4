"""`gateway destinations` and `gateway routes`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from gateway.clock import SystemClock
from gateway.db.database import Database
from gateway.delivery.destinations.handlers import ensure_handler_destinations, say_what_is_loaded
from gateway.delivery.models import CircuitState, DeliveryState, DestinationSecret, DestinationState
from gateway.handlers import HandlerRegistry
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event
from tests.services.sink_thread import sink_thread

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]


def test_a_destination_is_added_with_a_secret_that_is_shown_once(cli: CommandLine, database: Database) -> None:
    assert "No destinations yet" in cli("destinations", "list").stderr
    flags = ["--ordering-key", "data.id", "--timeout", "3s", "--concurrency", "2", "--rate", "1.5", "--schedule", "1,2"]
    more = ["--header", "Authorization: Bearer hunter2", "--fatal-status", "401", "--fatal-status", "410"]
    added = cli.json("destinations", "add", "app", "http://127.0.0.1:9/", *flags, *more)
    shown = cli("destinations", "show", "app", "--json").stdout + cli("destinations", "show", "app").stdout
    assert added["secret"].startswith("whsec_")
    assert (added["timeout_seconds"], added["schedule_seconds"], added["fatal_statuses"]) == (
        3.0,
        [1.0, 2.0],
        [401, 410],
    )
    assert added["secret"] not in shown
    assert "hunter2" not in shown
    assert "Authorization" in shown
    with database.system_session() as session:
        [row] = session.scalars(select(DestinationSecret)).all()
    assert added["secret"].encode() not in row.sealed_value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("app", "http://169.254.169.254/"), "link-local"),
        (("app", "http://10.0.0.1/"), "GATEWAY_ALLOW_PRIVATE_DESTINATIONS"),
        (("app", "https://app.example.com", "--ordering-key", "a["), "JMESPath"),
        (("app", "https://app.example.com", "--schedule", "x"), "comma-separated"),
        (("a b", "https://app.example.com"), "name"),
    ],
)
def test_what_cannot_be_added(cli: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    result = cli("destinations", "add", *arguments, code=1, GATEWAY_ALLOW_PRIVATE_DESTINATIONS="false")
    assert message in result.stderr


def test_a_secret_is_rotated(ready: Ready) -> None:
    cli = ready()
    rotated = cli.json("destinations", "rotate", "app")
    assert len(rotated["secret_ends"]) == 2
    assert len(cli.json("destinations", "rotate", "app", "--overlap", "0")["secret_ends"]) == 1


def test_backlog_circuit_and_switching(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    states = [DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.DEAD, DeliveryState.DELIVERED]
    store_event(database, NOW, states=states, destination_id=destination_id)
    with database.write() as connection:
        connection.execute(
            insert(DestinationState.__table__).values(
                tenant_id=DEFAULT_TENANT_ID,
                destination_id=destination_id,
                circuit=CircuitState.OPEN,
                failures_in_a_row=9,
                opened_count=2,
            )
        )
    assert cli.rows("destinations", "list")[0][:4] == ["app", "circuit open", "2", "1"]
    assert cli.json("destinations", "disable", "app")["disabled_reason"] == "by_hand"
    enabled = cli.json("destinations", "enable", "app")
    assert (enabled["disabled_at"], enabled["circuit"]) == (None, "closed")
    assert enabled["backlog"] == {"pending": 2, "leased": 0, "dead": 1}


def test_a_destination_in_use_is_not_removed(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    [route] = cli.json("routes", "list")["data"]
    assert f"routes remove {route['name']}" in cli("destinations", "remove", "app", code=1).stderr
    cli("routes", "remove", route["id"])
    store_event(database, NOW, states=[DeliveryState.PENDING], destination_id=destination_id)
    assert "1 unfinished" in cli("destinations", "remove", "app", code=1).stderr
    cli("deliveries", "cancel", "--destination", "app", "--yes")
    cli("destinations", "remove", "app")
    assert cli.json("destinations", "list")["data"] == []
    assert cli.rows("deliveries", "list")[0][4] == destination_id


def test_routes(ready: Ready) -> None:
    cli = ready()
    arguments = ["routes", "add", "--source", "github", "--type", "push", "--where", "ref == 'main'", "--to", "app"]
    route = cli.json(*arguments)
    assert route["event_types"] == ["push"]
    assert "the route github-to-app-2 says exactly this already" in cli(*arguments, code=1).stderr
    cli("routes", "add", "--source", "gateway", "--type", "gateway.delivery.dead", "--to", "app")
    assert len(cli.rows("routes", "list")) == 3
    cli("routes", "remove", route["id"])
    assert "no route" in cli("routes", "remove", route["id"], code=3).stderr


def test_every_fault_of_a_route_is_named(ready: Ready) -> None:
    result = ready()("routes", "add", "--source", "githb", "--to", "ap", "--where", "[", code=1)
    assert "did you mean 'github'" in result.stderr
    assert "did you mean 'app'" in result.stderr
    assert "where expression is not valid JMESPath" in result.stderr


def test_a_handler_that_is_not_loaded_is_said(cli: CommandLine, database: Database) -> None:
    ensure_handler_destinations(database, ["billing:book"], SystemClock())
    assert cli.rows("destinations", "list")[0][:2] == ["billing:book", "enabled"]
    say_what_is_loaded(database, HandlerRegistry(), SystemClock(), delivers=True)
    listed = cli("destinations", "list")
    assert listed.stdout.split("\t")[:2] == ["billing:book", "not loaded"]
    assert "billing:book is not loaded: " in listed.stderr
    assert "not_loaded: the worker that started last" in cli("destinations", "show", "billing:book").stdout
    findings = [one for one in cli.doctor()["findings"] if "billing:book" in one["detail"]]
    assert [(one["check"], one["level"]) for one in findings] == [("destinations", "warn")]


def test_a_destination_is_changed(ready: Ready) -> None:
    cli = ready()
    cli("destinations", "change", "app", "--header", "X-A: 1", "--header", "X-B: 2", "--timeout", "3s", "--rate", "2")
    changed = cli.json(
        "destinations",
        "change",
        "app",
        *("--without-header", "x-a", "--default", "timeout", "--schedule", "1,2", "--fatal-status", "401"),
    )
    assert (changed["header_names"], changed["timeout_seconds"], changed["rate_per_second"]) == (["X-B"], None, 2.0)
    assert (changed["schedule_seconds"], changed["fatal_statuses"]) == ([1.0, 2.0], [401])
    assert cli.json("destinations", "change", "app", "--default", "fatal-status")["fatal_statuses"] == []
    assert "nothing is to be changed" in cli("destinations", "change", "app", code=1).stderr
    assert "header Host" in cli("destinations", "change", "app", "--header", "Host: a", code=1).stderr
    back = ("--url", "http://127.0.0.1:8000/webhooks/github")
    assert "leads back to this gateway" in cli("destinations", "change", "app", *back, code=1).stderr


def test_a_test_request_is_sent(ready: Ready) -> None:
    cli = ready()
    with sink_thread() as sink:
        cli("destinations", "change", "app", "--url", sink.url())
        assert "delivered 200" in cli("destinations", "test", "app").stdout
        cli("destinations", "change", "app", "--url", sink.url("/fails"))
        refused = cli("destinations", "test", "app", code=1)
        assert "http_5xx 500" in refused.stdout
        assert "Not taken" in refused.stderr
        assert cli.json("destinations", "test", "app", code=1)["status"] == 500
        assert [one.header("gateway-event-type") for one in sink.at()] == ["gateway.destination.test"]
    assert "there is no destination" in cli("destinations", "test", "nobody", code=3).stderr
