"""`gateway events replay` and `gateway routes backfill`: what is said before, what is asked, what is done and said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]


def deliveries(cli: CommandLine, *arguments: str) -> list[tuple[str, str]]:
    """State and event of each, newest first."""
    return [(row["state"], row["event_id"]) for row in cli.json("deliveries", "list", *arguments)["data"]]


def test_an_event_that_came_too_early_is_delivered(ready: Ready, database: Database) -> None:
    cli = ready()
    event_id = store_event(database, NOW)
    assert "deliver them with --route ROUTE or --to DESTINATION" in cli("events", "replay", event_id).stderr
    route = cli.json("routes", "list")["data"][0]["name"]
    plan = cli("events", "replay", event_id, "--route", route, "--plan").stdout
    assert plan == "1 event: 1 new delivery, 0 sent again\n"
    assert deliveries(cli) == []
    assert cli("events", "replay", event_id, "--route", route).stdout == "1 new delivery is made.\n"
    assert deliveries(cli) == [("pending", event_id)]
    again = cli("events", "replay", event_id, "--route", route)
    assert (again.stdout, "1 waiting" in again.stderr) == ("", True)
    assert "there is no route 'nope'" in cli("events", "replay", event_id, "--route", "nope", code=3).stderr
    assert "there is no destination 'nope'" in cli("events", "replay", event_id, "--to", "nope", code=3).stderr


def test_what_has_arrived_is_sent_again_only_when_somebody_says_so(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    event_id = store_event(database, NOW, states=[DeliveryState.DELIVERED], destination_id=destination_id)
    left = cli("events", "replay", event_id)
    assert "1 arrived and left alone" in left.stderr
    assert "--all" in left.stderr
    asked = cli("events", "replay", event_id, "--all", code=2).stderr
    assert "1 delivery has arrived already: send it again?" in asked
    assert "--yes" in asked
    assert deliveries(cli) == [("delivered", event_id)]
    assert cli("events", "replay", event_id, "--all", "--yes").stdout == "1 delivery is due again.\n"
    assert deliveries(cli) == [("pending", event_id)]


def test_many_are_counted_asked_for_and_replayed(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    store_event(database, NOW - timedelta(hours=3))
    early = [store_event(database, NOW - timedelta(minutes=30 - number)) for number in range(3)]
    store_event(database, NOW, states=[DeliveryState.DELIVERED], destination_id=destination_id)
    dead = store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id)
    many = ("events", "replay", "--to", "app", "--since", "1h")
    assert cli(*many, "--plan").stdout.startswith("5 events: 3 new deliveries, 1 sent again; 1 arrived and left alone")
    asked = cli(*many, code=2).stderr
    assert "Deliver: 3 new deliveries and 1 sent again?" in asked
    assert asked.startswith("5 events: 3 new deliveries, 1 sent again; 1 arrived")
    assert len(deliveries(cli)) == 2
    done = cli(*many, "--yes")
    assert done.stdout == "3 new deliveries are made.\n1 delivery is due again.\n"
    assert deliveries(cli, "--state", "pending") == [("pending", one) for one in [*reversed(early), dead]]
    assert "Nothing to deliver" in cli(*many, "--yes").stderr
    counts = cli.json(*many, "--all", "--plan")
    assert (counts["is_plan"], counts["replayed"], counts["repeated"]) == (True, 5, 1)


def test_backfill_makes_what_is_missing_and_nothing_else(ready: Ready, database: Database) -> None:
    cli = ready()
    route = cli.json("routes", "list")["data"][0]["name"]
    destination_id = cli.json("destinations", "show", "app")["id"]
    store_event(database, NOW - timedelta(hours=30))
    ids = [store_event(database, NOW - timedelta(hours=23 - number)) for number in range(2)]
    store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id)
    backfill = ("routes", "backfill", route, "--since", "24h")
    assert "2 new deliveries, 0 sent again; 1 waiting" in cli(*backfill, "--plan").stdout
    assert "--since" in cli("routes", "backfill", route, code=2).stderr
    assert cli(*backfill, code=2).stdout == ""
    assert cli(*backfill, "--until", "22h30m", "--yes").stdout == "1 new delivery is made.\n"
    assert cli(*backfill, "--yes").stdout == "1 new delivery is made.\n"
    assert cli.json(*backfill, "--yes")["created"] == 0
    assert sorted(deliveries(cli, "--state", "pending")) == sorted(("pending", one) for one in ids)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give an ID, or a filter"),
        (("--to", "app"), "give an ID, or a filter"),
        (("evt_1", "--since", "1h"), "not both"),
        (("evt_1", "--failed", "--all"), "--failed or --all"),
        (("evt_1", "--to", "app", "--route", "r"), "not both"),
        (("--since", "1h", "--type", "a[b]"), "no brackets"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for(ready: Ready, arguments: tuple[str, ...], words: str) -> None:
    assert words in ready()("events", "replay", *arguments, code=1).stderr
