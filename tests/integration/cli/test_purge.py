"""`gateway purge`: says what would go, asks, and forgets no more than it was asked to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.proofs.models import AcceptedProof
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event, store_rejection

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=31)


def events(cli: CommandLine, *flags: str) -> set[str]:
    return {row["id"] for row in cli.json("events", "list", *flags)["data"]}


def numbers(**some: int) -> dict[str, int]:
    names = ("events", "deliveries", "attempts", "kept", "kept_dead", "rejections", "proofs", "requests")
    return {name: some.get(name, 0) for name in names}


def test_what_is_older_than_the_retention_goes(cli: CommandLine, database: Database) -> None:
    store_event(database, OLD, states=[DeliveryState.DELIVERED, DeliveryState.DEAD], attempts=3)
    waiting = store_event(database, OLD, states=[DeliveryState.PENDING])
    young = store_event(database, NOW - timedelta(days=29))
    store_rejection(database, NOW - timedelta(days=8))
    store_rejection(database, NOW - timedelta(days=6))
    result = cli("purge", "--yes")
    assert result.stdout == "Forgot 1 events, 2 deliveries, 6 attempts, 1 rejections, 0 proofs, 0 requests.\n"
    assert "1 old events stay: a delivery of theirs is not finished" in result.stderr
    assert events(cli) == {waiting, young}
    assert cli.json("purge", "--older-than", "1d", "--yes")["events"] == 1
    assert len(cli.json("rejections", "list")["data"]) == 1


def test_dead_letters_stay_until_the_retention_is_over_unless_told(cli: CommandLine, database: Database) -> None:
    dead = store_event(database, NOW - timedelta(days=29), states=[DeliveryState.DEAD, DeliveryState.DELIVERED])
    store_event(database, NOW - timedelta(days=29), states=[DeliveryState.DELIVERED])
    kept = cli("purge", "--older-than", "2h", "--yes")
    assert kept.stdout.startswith("Forgot 1 events")
    assert "1 old events stay: a delivery of theirs is dead. --dead-letters" in kept.stderr
    assert events(cli) == {dead}
    assert cli.json("purge", "--older-than", "2h", "--plan")["total"] == numbers(kept_dead=1)
    gone = cli.json("purge", "--older-than", "2h", "--dead-letters", "--yes")
    assert gone == numbers(events=1, deliveries=2)


def test_a_plan_counts_by_table_and_tenant_and_changes_nothing(cli: CommandLine, database: Database) -> None:
    acme = cli.json("tenants", "create", "acme")["id"]
    for tenant_id in (DEFAULT_TENANT_ID, acme, acme):
        store_event(database, OLD, states=[DeliveryState.DELIVERED] * 2, attempts=2, tenant_id=tenant_id)
    store_event(database, OLD, states=[DeliveryState.PENDING], tenant_id=acme)
    store_rejection(database, OLD, tenant_id=acme)
    planned: Any = cli.json("purge", "--plan")
    assert planned["tenants"] == {
        "acme": numbers(events=2, deliveries=4, attempts=8, kept=1, rejections=1),
        "default": numbers(events=1, deliveries=2, attempts=4),
    }
    assert planned["total"] == numbers(events=3, deliveries=6, attempts=12, kept=1, rejections=1)
    assert cli.rows("purge", "--plan") == [
        ["acme", "2", "4", "8", "1", "1", "0"],
        ["default", "1", "2", "4", "0", "0", "0"],
    ]
    assert cli.json("purge", "--plan", "--tenant", "acme")["tenants"].keys() == {"acme"}
    assert len(events(cli)) + len(events(cli, "--tenant", "acme")) == 4


def test_a_tenant_that_is_named_is_the_only_one(cli: CommandLine, database: Database) -> None:
    acme = cli.json("tenants", "create", "acme")["id"]
    for tenant_id in (DEFAULT_TENANT_ID, acme):
        store_event(database, OLD, states=[DeliveryState.DELIVERED], tenant_id=tenant_id)
        store_rejection(database, OLD, tenant_id=tenant_id)
    assert cli.json("purge", "--tenant", "acme", "--yes") == numbers(events=1, deliveries=1, rejections=1)
    assert events(cli, "--tenant", "acme") == set()
    assert len(events(cli)) == 1
    assert "no tenant 'acm'" in cli("purge", "--tenant", "acm", "--yes", code=3).stderr
    assert cli.json("purge", "--yes") == numbers(events=1, deliveries=1, rejections=1)


def test_expired_proofs_are_nobodys(cli: CommandLine, database: Database) -> None:
    for digest, expires_at in ((b"1" * 16, NOW - timedelta(minutes=1)), (b"2" * 16, NOW + timedelta(days=1))):
        row = {"digest": digest, "events_digest": digest, "event_id": "evt_1", "expires_at": expires_at}
        with database.write() as connection:
            connection.execute(insert(AcceptedProof.__table__), row)
    for flags in (("--plan", "--tenant", "default"), ("--yes", "--tenant", "default")):
        assert numbers() in (cli.json("purge", *flags), cli.json("purge", *flags).get("total"))
    assert cli.json("purge", "--plan")["total"] == numbers(proofs=1)
    assert "1 proofs have expired" in cli("purge", "--plan").stderr
    assert cli.json("purge", "--yes") == numbers(proofs=1)


@pytest.mark.parametrize("age", ["0d", "0", "59m"])
def test_nothing_younger_than_an_hour_goes_without_force(cli: CommandLine, database: Database, age: str) -> None:
    store_event(database, NOW - timedelta(hours=2))
    for flags in (("--plan",), ("--yes",), ()):
        refused = cli("purge", "--older-than", age, *flags, code=1).stderr
        assert "less than an hour" in refused
        assert "say --force" in refused
    assert len(events(cli)) == 1
    assert cli.json("purge", "--older-than", age, "--force", "--yes")["events"] == 1


def test_where_nobody_can_be_asked_it_must_be_said(cli: CommandLine, database: Database) -> None:
    store_event(database, OLD)
    refused = cli("purge", code=2)
    assert "say so with --yes" in refused.stderr
    assert "Nothing was changed" in refused.stderr
    assert len(events(cli)) == 1


def test_a_terminal_is_asked(cli: CommandLine, database: Database) -> None:
    store_event(database, OLD, states=[DeliveryState.DELIVERED])
    refused = cli.answering("n", "purge", code=1)
    assert "default\t1\t1\t0" in refused.stdout
    assert "Forget 1 events of every tenant" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert len(events(cli)) == 1
    assert "Forgot 1 events" in cli.answering("y", "purge").stdout
    nothing = cli.answering("n", "purge")
    assert "?" not in nothing.stderr
    assert "Forgot 0 events" in nothing.stdout
