"""`gateway events`, `deliveries` and `rejections`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event, store_rejection

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]


def test_empty_states_say_what_to_do(cli: CommandLine) -> None:
    assert "gateway send github" in cli("events", "list").stderr
    assert "No deliveries yet" in cli("deliveries", "list").stderr
    assert "nothing was refused" in cli("rejections", "list").stderr
    assert cli.json("events", "list") == {"data": [], "next_cursor": None}
    assert cli("events", "list").stdout == ""


def test_pages_and_filters(cli: CommandLine, database: Database) -> None:
    ids = [
        store_event(database, NOW - timedelta(minutes=minutes), type=type_, source=source, states=states)
        for minutes, type_, source, states in (
            (300, "push", "github", [DeliveryState.DEAD, DeliveryState.DELIVERED]),
            (200, "pull_request", "github", [DeliveryState.DELIVERED]),
            (100, "pull_request.opened", "github", [DeliveryState.LEASED]),
            (5, "charge.refunded", "stripe", [DeliveryState.CANCELLED]),
            (1, None, "stripe", []),
        )
    ]

    def found(*arguments: str) -> list[int]:
        return [ids.index(row["id"]) for row in cli.json("events", "list", *arguments)["data"]]

    assert found() == [4, 3, 2, 1, 0]
    assert found("--source", "stripe") == [4, 3]
    assert found("--type", "pull_request.*") == [2, 1]
    assert found("--type", "PUSH") == []
    assert found("--type", "p?sh") == [0]
    assert found("--since", "2h") == [4, 3, 2]
    assert found("--since", "4h", "--until", "90m") == [2, 1]
    assert found("--until", (NOW - timedelta(minutes=250)).isoformat()) == [0]
    for index, status in enumerate(("dead", "delivered", "pending", "cancelled", "unrouted")):
        assert found("--status", status) == [index]
    first = cli.json("events", "list", "--limit", "2")
    second = cli.json("events", "list", "--limit", "3", "--cursor", first["next_cursor"])
    assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert "--cursor" in cli("events", "list", "--limit", "2").stderr
    assert "cursor" in cli("events", "list", "--cursor", "!!", code=1).stderr
    assert cli("events", "list", "--limit", "201", code=2).exit_code == 2
    assert "brackets" in cli("events", "list", "--type", "a[", code=1).stderr


def test_an_event_is_shown_without_credentials(cli: CommandLine, database: Database) -> None:
    event_id = store_event(database, NOW, states=[DeliveryState.DEAD], attempts=2)
    for shown in (cli("events", "show", event_id).stdout, cli("events", "show", event_id, "--json").stdout):
        assert "very-secret-token" not in shown
        assert "[redacted]" in shown
        assert event_id in shown
        assert "503" in shown
    text = cli("events", "show", event_id).stdout
    assert '{\n  "ref": "main"\n}' in text
    assert text.count("attempt ") == 2
    assert cli.json("events", "show", event_id)["body"] == '{"ref":"main"}'
    assert "no event" in cli("events", "show", "evt_nope", code=3).stderr


def test_other_tenants_see_nothing(cli: CommandLine, database: Database) -> None:
    cli("tenants", "create", "acme")
    event_id = store_event(database, NOW, states=[DeliveryState.DEAD])
    [delivery_id] = [row[0] for row in cli.rows("deliveries", "list")]
    acme = ("--tenant", "acme")
    for arguments in (("events", "list"), ("deliveries", "list"), ("events", "list", "--status", "dead")):
        assert cli.json(*acme, *arguments)["data"] == []
    for arguments in (
        ("events", "show", event_id),
        ("events", "replay", event_id),
        ("deliveries", "show", delivery_id),
        ("deliveries", "retry", delivery_id),
        ("deliveries", "cancel", delivery_id),
    ):
        cli(*acme, *arguments, code=3)
    assert cli.json(*acme, "deliveries", "retry", "--state", "dead", "--yes") == {"retried": 0}
    assert cli.json("deliveries", "show", delivery_id)["state"] == "dead"


def test_replay_retry_and_cancel(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    event_id = store_event(database, NOW, states=[DeliveryState.DEAD] * 2, destination_id=destination_id, attempts=1)
    first, second = (row["id"] for row in cli.json("deliveries", "list", "--event", event_id)["data"])
    assert "attempt 1" in cli("deliveries", "show", first).stdout
    assert "\x1b" not in cli("deliveries", "show", first).output
    assert "due now" in cli("deliveries", "retry", first).stdout
    assert cli.json("deliveries", "show", first)["state"] == "pending"
    cli("deliveries", "cancel", first)
    assert "cannot become" in cli("deliveries", "cancel", first, code=1).stderr
    assert cli.json("events", "replay", event_id, "--all")["replayed"] == 2
    assert {row["state"] for row in cli.json("deliveries", "list")["data"]} == {"pending"}
    assert cli.json("deliveries", "show", second)["attempts"][0]["status"] == 503
    assert "--route ROUTE or --to DESTINATION" in cli("events", "replay", store_event(database, NOW)).stderr


def test_many_are_retried_after_asking(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    for _ in range(3):
        store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id)
    store_event(database, NOW - timedelta(days=2), states=[DeliveryState.DEAD], destination_id=destination_id)
    many = ("deliveries", "retry", "--state", "dead", "--destination", "app", "--since", "1h")
    asked = cli(*many, code=2)
    assert "Try 3 dead deliveries again? Nobody can answer here: say so with --yes" in asked.stderr
    assert len(cli.json("deliveries", "list", "--state", "dead")["data"]) == 4
    assert cli.json(*many, "--yes") == {"retried": 3}
    assert len(cli.json("deliveries", "list", "--state", "dead")["data"]) == 1
    assert "no destination" in cli("deliveries", "retry", "--state", "dead", "--destination", "x", code=3).stderr
    assert "not both" in cli("deliveries", "retry", "dlv_1", "--state", "dead", code=1).stderr


def test_rejections(cli: CommandLine, database: Database) -> None:
    rejection_id = store_rejection(database, NOW)
    assert cli.rows("rejections", "list")[0][:4:3] == [rejection_id, "signature_mismatch"]
    assert cli.json("rejections", "list", "--reason", "body_too_large")["data"] == []
    assert cli.json("rejections", "list", "--source", "github")["data"][0]["id"] == rejection_id
    shown = cli("rejections", "show", rejection_id).stdout
    assert "very-secret" not in shown
    assert "hello" in shown
    assert cli.json("rejections", "show", rejection_id)["body"] == "hello"
    assert "kept for 7 days" in cli("rejections", "show", "rej_nope", code=3).stderr


@pytest.mark.parametrize("limit", ["1", "2"])
def test_tail_ends_after_a_limit(cli: CommandLine, database: Database, limit: str) -> None:
    # A little ahead of the clock, so that they count as coming after the start.
    start = datetime.now(UTC)
    ids = [store_event(database, start + timedelta(minutes=1 + index)) for index in range(3)]
    lines = cli("events", "tail", "--limit", limit, "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids[: int(limit)]


def test_what_was_sent_and_how_to_repeat_it(ready: Ready, database: Database) -> None:
    cli = ready()
    cli("destinations", "add", "secretive", "http://127.0.0.1:9/in?token=hunter22")
    cli("routes", "add", "--source", "github", "--to", "secretive", "--transform", "{id: order}")
    source = cli.json("sources", "show", "github")["id"]
    raw, made = (cli.json("destinations", "show", name)["id"] for name in ("app", "secretive"))
    body = b'{"order": "A-4711"}'
    headers = [["X-GitHub-Event", "push"], ["X-Hub-Signature-256", "sha256=abc"], ["Cookie", "a=b"]]
    id_ = store_event(
        database,
        NOW,
        source_id=source,
        body=body,
        headers=headers,
        dedupe_key="d-4711",
        states=[DeliveryState.DEAD],
        destination_id=raw,
        attempts=1,
    )
    with database.write() as connection:
        rows = [
            DeliveryRow("dlv_made", DEFAULT_TENANT_ID, id_, made, None, "pending", 0, 0, payload=b'{"id":"A-4711"}')
        ]
        insert_deliveries(connection, rows)
    shown = cli("events", "show", "d-4711").stdout
    assert "| busy" in shown, "what the receiver answered"
    assert "Sent, as its route's transform made it:" in shown
    assert cli("events", "show", "d-4711", "--body").stdout_bytes == body
    assert cli("deliveries", "show", "dlv_made", "--body").stdout_bytes == b'{"id":"A-4711"}'
    assert '"id": "A-4711"' in cli("deliveries", "show", "dlv_made").stdout
    result = cli("events", "show", id_, "--curl")
    first, second = sorted(result.stdout.splitlines(), key=lambda line: "dlv_made" in line)
    assert first.startswith(f"gateway events show {id_} --body | curl -sS -X POST http://127.0.0.1:9/ ")
    assert "-H 'X-GitHub-Event: push'" in first
    assert first.endswith("--data-binary @-")
    assert second.startswith("gateway deliveries show dlv_made --body | curl -sS -X POST ")
    assert not any(secret in result.output for secret in ("hunter22", "sha256=abc", "a=b", "[redacted]"))
    assert "left out: the gateway's signature, parts of the URL" in result.stderr


def test_found_by_what_is_known(cli: CommandLine, database: Database) -> None:
    headers = [["X-Shop-Id", "shop-7"], ["Content-Type", "application/json"]]
    wanted = store_event(database, NOW, body=b'{"order": "A-4711"}', headers=headers)
    store_event(database, NOW, body=b'{"order": "A-4712"}')
    for arguments in (
        ("--contains", "a-4711"),
        ("--header", "x-shop-id=shop-7"),
        ("--where", "order == 'A-4711'"),
        ("--where", "ends_with(order, '11')", "--header", "X-Shop-Id=shop-7", "--type", "push"),
    ):
        assert [row["id"] for row in cli.json("events", "list", *arguments)["data"]] == [wanted], arguments
    assert "No event matches" in cli("events", "list", "--header", "X-Shop-Id=shop-8").stderr
    assert "where" in cli("events", "list", "--where", "order ==", code=1).stderr
    assert cli("events", "list", "--header", "X-Shop-Id", code=2).exit_code == 2


def test_what_somebody_wants_forgotten(cli: CommandLine, database: Database) -> None:
    ada = b'{"customer": "ada@example.com"}'
    ids = [
        store_event(database, NOW - timedelta(minutes=number), body=ada, states=[DeliveryState.DEAD])
        for number in (1, 2, 3)
    ]
    other = store_event(database, NOW - timedelta(minutes=9))
    one = cli("events", "forget", ids[2], "--plan")
    assert one.stdout.startswith(f"Would be forgotten: {ids[2]} (push of github, ")
    assert "say so with --yes" in cli("events", "forget", ids[2], code=2).stderr
    assert cli("events", "forget", ids[2], "--yes").stdout == "Forgot 1 event, 1 delivery, 0 attempts, 0 rejections.\n"
    assert cli("events", "forget", ids[2], "--yes", code=3).exit_code == 3
    planned = cli("events", "forget", "--contains", "ada@example.com", "--plan").stdout
    assert all(id_ in planned for id_ in ids[:2])
    assert other not in planned
    assert "Would be forgotten: 2 events, back to " in planned
    assert "Forget 2 events for good?" in cli("events", "forget", "--contains", "ada@example.com", code=2).stderr
    assert cli.json("events", "forget", "--contains", "ada@example.com", "--plan") == {"events": 2, "is_plan": True}
    assert cli.answering("n", "events", "forget", "--contains", "ada@example.com", code=1).exit_code == 1
    assert len(cli.json("events", "list")["data"]) == 3
    assert "Forgot 2 events" in cli.answering("y", "events", "forget", "--contains", "ada@example.com").stdout
    assert [row["id"] for row in cli.json("events", "list")["data"]] == [other]
    assert "No event matches" in cli("events", "forget", "--contains", "ada", "--yes").stderr
    assert "give an ID, or a filter" in cli("events", "forget", "--yes", code=1).stderr
    assert "not both" in cli("events", "forget", other, "--type", "push", code=1).stderr
