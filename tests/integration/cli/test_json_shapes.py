"""What `--json` prints, to the letter: keys, their order, and how values are written. Programs rely on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rejections.models import Rejection
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import id_at, store_event

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"([a-z]{3})_[0-9a-z]{26}")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


def shape(value: Any) -> Any:
    """`value` with times, ids and secrets replaced by what they are."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if not isinstance(value, str):
        return value
    if TIME.fullmatch(value):
        return "TIME"
    if SECRET.fullmatch(value):
        return "SECRET"
    return ID.sub(r"\1", value)


def printed(cli: CommandLine, *arguments: str) -> str:
    """The JSON that a command prints, in its order, with what differs from run to run replaced."""
    return json.dumps(shape(cli.json(*arguments)), indent=1)


def text(value: Any) -> str:
    return json.dumps(value, indent=1)


SOURCE = {
    "id": "src",
    "slug": "github",
    "provider": "github",
    "scheme": "sha256",
    "options": {},
    "allowed_ips": [],
    "rate_per_second": None,
    "refuse_replays": None,
    "replays": "accepted",
    "redeliver_duplicates": False,
    "retention_days": None,
    "credentials": [{"kind": "secret", "created_at": "TIME", "expires_at": None}],
    "pending_handshake": False,
    "confirmed_at": None,
    "confirmed_from": None,
    "confirmed_request_id": None,
    "created_at": "TIME",
    "updated_at": "TIME",
    "disabled_at": None,
    "url": "http://127.0.0.1:8000/webhooks/github",
    "state": "enabled",
    "out_of_order": None,
}
DESTINATION = {
    "id": "dst",
    "name": "app",
    "kind": "http",
    "url": "http://127.0.0.1:9/",
    "handler": None,
    "timeout_seconds": None,
    "concurrency": None,
    "rate_per_second": None,
    "schedule_seconds": None,
    "ordering_key": None,
    "fatal_statuses": [],
    "header_names": [],
    "connection": None,
    "secret_ends": [None],
    "disabled_at": None,
    "disabled_reason": None,
    "circuit": "closed",
    "probe_at": None,
    "paused_until": None,
    "backlog": {"pending": 0, "leased": 0, "dead": 0},
    "created_at": "TIME",
    "updated_at": "TIME",
    "state": "enabled",
    "out_of_order": None,
}
ROUTE = {
    "id": "rte",
    "name": "github-to-app",
    "source": "github",
    "event_types": ["*"],
    "where": None,
    "transform": None,
    "allow_null": False,
    "connection": None,
    "destination": "app",
    "created_at": "TIME",
    "state": "enabled",
    "out_of_order": None,
}
EVENT = {
    "id": "evt",
    "source": "github",
    "provider": "github",
    "type": "push",
    "dedupe_key": None,
    "received_at": "TIME",
    "content_type": "application/json",
    "body_bytes": 14,
    "status": "dead",
    "repeats": 0,
}
DELIVERY = {
    "id": "dlv",
    "event_id": "evt",
    "destination": "app",
    "route_id": None,
    "state": "dead",
    "reason": "exhausted",
    "detail": None,
    "ordering_key": None,
    "attempts_made": 0,
    "next_attempt_at": None,
    "created_at": "TIME",
    "finished_at": "TIME",
    "is_transformed": False,
}
ATTEMPT = {
    "number": 1,
    "started_at": "TIME",
    "duration_ms": 12,
    "outcome": "retryable",
    "status": 503,
    "error": None,
    "response_excerpt": "busy \x1b[31mnow",
}
REJECTION = {
    "id": "rej",
    "source": "github",
    "reason": "signature_mismatch",
    "detail": None,
    "received_at": "TIME",
    "client_address": "192.0.2.1",
    "method": "POST",
    "body_bytes": 2,
    "accepted_as": None,
}


def test_sources(ready: Ready) -> None:
    cli = ready()
    assert printed(cli, "sources", "list") == text({"data": [SOURCE]})
    assert printed(cli, "sources", "show", "github") == text(SOURCE)
    rotated = {"kind": "secret", "created_at": "TIME", "expires_at": "TIME"}
    changed = SOURCE | {"credentials": [rotated, *SOURCE["credentials"]]}
    assert printed(cli, "sources", "rotate", "github", "--secret", "new") == text(changed)
    off = changed | {"disabled_at": "TIME", "state": "disabled"}
    assert printed(cli, "sources", "disable", "github") == text(off)
    assert printed(cli, "sources", "enable", "github") == text(changed)
    refusing = changed | {"refuse_replays": True, "replays": "refused"}
    assert printed(cli, "sources", "change", "github", "--refuse-replays") == text(refusing)
    assert printed(cli, "sources", "change", "github", "--default-replays") == text(changed)
    made = cli.json("sources", "add", "more", "--provider", "github", "--generate-secret", "--rate", "2")
    assert list(made) == [*SOURCE, "secret"]
    assert (made["rate_per_second"], len(made["secret"])) == (2.0, 64)
    awaiting = cli.json("sources", "add", "-", "--provider", "asana")
    assert (awaiting["pending_handshake"], awaiting["state"]) == (True, "awaits its secret")


def test_destinations(ready: Ready, database: Database) -> None:
    cli = ready()
    assert printed(cli, "destinations", "list") == text({"data": [DESTINATION]})
    assert printed(cli, "destinations", "show", "app") == text(DESTINATION)
    added = printed(cli, "destinations", "add", "more", "http://127.0.0.1:9/", "--schedule", "1,2", "--header", "A:b")
    wanted = DESTINATION | {"name": "more", "schedule_seconds": [1.0, 2.0], "header_names": ["A"], "secret": "SECRET"}
    assert added == text(wanted)
    rotated = DESTINATION | {"secret_ends": ["TIME", None], "secret": "SECRET"}
    assert printed(cli, "destinations", "rotate", "app") == text(rotated)
    off = DESTINATION | {"secret_ends": ["TIME", None], "disabled_at": "TIME", "disabled_reason": "by_hand"}
    off |= {"state": "disabled (by_hand)"}
    assert printed(cli, "destinations", "disable", "app") == text(off)
    assert printed(cli, "destinations", "remove", "more") == text({"removed": "more"})


def test_routes(ready: Ready) -> None:
    cli = ready()
    assert printed(cli, "routes", "list") == text({"data": [ROUTE]})
    flags = ("--source", "github", "--type", "push", "--where", "a", "--transform", "b", "--to", "app")
    added = ROUTE | {"name": "github-to-app-2", "event_types": ["push"], "where": "a", "transform": "b"}
    tried = {"tried": 0, "sent": 0, "turned_away": 0, "null": 0, "failed": 0, "detail": None}
    on_trial = {"samples": tried | {"tried": 1, "turned_away": 1}, "events": tried}
    assert printed(cli, "routes", "add", *flags) == text(added | {"trial": on_trial})
    route_id = cli.json("routes", "list")["data"][0]["id"]
    changed = cli.json("routes", "change", route_id, "--where", "c")
    assert list(changed) == [*ROUTE, "trial"]
    assert printed(cli, "routes", "show", route_id) == text(ROUTE | {"where": "c"})
    assert cli.json("routes", "remove", route_id) == {"removed": [route_id]}


def test_events_and_deliveries(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    event_id = store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id, attempts=1)
    assert printed(cli, "events", "list") == text({"data": [EVENT], "next_cursor": None})
    delivery = DELIVERY | {"attempts_made": 1}
    assert printed(cli, "deliveries", "list") == text({"data": [delivery], "next_cursor": None})
    with_attempts = delivery | {"payload": None, "attempts": [ATTEMPT]}
    delivery_id = cli.json("deliveries", "list")["data"][0]["id"]
    assert printed(cli, "deliveries", "show", delivery_id) == text(with_attempts)
    shown = json.loads(printed(cli, "events", "show", event_id))
    more = ("request_id", "method", "url", "headers", "body", "last_repeat_at", "last_repeat_request_id", "deliveries")
    assert list(shown) == [*EVENT, *more]
    assert shown["headers"] == [["Content-Type", "application/json"], ["Authorization", "[redacted]"]]
    assert text(shown["deliveries"]) == text([with_attempts])
    assert printed(cli, "deliveries", "retry", delivery_id) == text({"id": "dlv", "state": "pending"})
    assert cli.json("deliveries", "cancel", delivery_id) == {"cancelled": 1}
    assert cli.json("deliveries", "retry", "--state", "cancelled", "--yes") == {"retried": 1}
    none = dict.fromkeys(("repeated", "arrived", "waiting", "kept_back", "turned_away", "unrouted"), 0)
    counts = {"events": 1, "created": 0, "unshaped": 0, "replayed": 1} | none
    assert printed(cli, "events", "replay", event_id) == text({"event_id": "evt"} | counts | {"is_plan": False})
    names = ("events", "deliveries", "attempts", "kept", "kept_dead", "rejections", "proofs", "requests")
    counted = dict.fromkeys(names, 0)
    assert printed(cli, "purge", "--yes") == text(counted)
    assert printed(cli, "purge", "--plan") == text({"before": "TIME", "total": counted, "tenants": {}})


def test_pages_of_what_grows_have_a_cursor(cli: CommandLine, database: Database) -> None:
    for minutes in range(3):
        store_event(database, NOW - timedelta(minutes=minutes))
    page = cli.json("events", "list", "--limit", "2")
    assert list(page) == ["data", "next_cursor"]
    assert isinstance(page["next_cursor"], str)


def test_rejections(cli: CommandLine, database: Database) -> None:
    with database.write() as connection:
        connection.execute(
            insert(Rejection.__table__),
            {
                "id": id_at("rej", NOW),
                "tenant_id": DEFAULT_TENANT_ID,
                "source_id": "",
                "source": "github",
                "reason": "signature_mismatch",
                "received_at": NOW,
                "request_id": "req_1",
                "client_address": "192.0.2.1",
                "method": "POST",
                "url": "https://hooks.example.com/webhooks/github?token=hunter2",
                "headers": b'[["X-A", "b"]]',
                "body": b"\xff\x00",
                "body_bytes": 2,
            },
        )
    assert printed(cli, "rejections", "list") == text({"data": [REJECTION], "next_cursor": None})
    [row] = cli.json("rejections", "list")["data"]
    more = {
        "request_id": "req_1",
        "url": "https://hooks.example.com/webhooks/github?token=…",
        "headers": [["X-A", "b"]],
        "kept_body_bytes": 2,
        "body_base64": "/wA=",
    }
    assert printed(cli, "rejections", "show", row["id"]) == text(REJECTION | more)


def test_tenants(cli: CommandLine) -> None:
    no_limits = {
        "events_per_second": None,
        "sources": None,
        "destinations": None,
        "app_credentials": None,
        "stored_bytes": None,
        "api_requests_per_second": None,
    }
    acme = {
        "id": "ten",
        "slug": "acme",
        "state": "active",
        "limits": no_limits,
        "return_origins": [],
        "suspended_at": None,
        "created_at": "TIME",
    }
    default = acme | {"id": "ten_default", "slug": "default"}
    assert printed(cli, "tenants", "create", "acme") == text(acme)
    assert printed(cli, "tenants", "list") == text({"data": [acme, default]})
    given = ("--limit", "sources=3", "--limit", "events_per_second=0.5", "--return-origin", "https://App.example.com/")
    limited = acme | {
        "limits": no_limits | {"events_per_second": 0.5, "sources": 3},
        "return_origins": ["https://app.example.com"],
    }
    assert printed(cli, "tenants", "set", "acme", *given) == text(limited)
    assert printed(cli, "tenants", "set", "acme", "--limit", "sources=none", "--no-return-origins") == text(
        acme | {"limits": no_limits | {"events_per_second": 0.5}}
    )
    cli("tenants", "set", "acme", "--limit", "events_per_second=none")
    assert printed(cli, "tenants", "suspend", "acme") == text(acme | {"state": "suspended", "suspended_at": "TIME"})
    assert printed(cli, "tenants", "resume", "acme") == text(acme)


def test_providers(cli: CommandLine) -> None:
    github = {
        "id": "github",
        "name": "GitHub",
        "category": "developer",
        "schemes": [
            {"id": "sha256", "method": "HMAC-SHA256"},
            {"id": "sha1_legacy", "method": "HMAC-SHA1"},
        ],
        "choose": "operator",
        "lists": ["issues"],
        "ways": ["authorization_code"],
        "oauth": {"kind": "oauth2"},
        "evidence": {"level": "sdk", "meaning": "x"},
        "from": "github.yaml",
    }
    [found] = [row for row in cli.json("providers", "list")["data"] if row["id"] == "github"]
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in github.items()}
    assert list(found) == list(github)
    shown = cli.json("providers", "show", "github")
    assert list(shown) == [*github, "add", "sections"]
    assert shown["add"] == "gateway sources add github --provider github --scheme sha256 --secret-env VAR"
    assert list(shown["sections"][0]) == ["title", "lines"]


def test_the_schema_and_the_doctor(cli: CommandLine) -> None:
    head = cli.json("db", "current")["revision"]
    assert printed(cli, "db", "current") == text({"revision": head, "wanted": head, "is_current": True})
    assert printed(cli, "db", "upgrade") == text({"revision": head})
    examined = cli.doctor()
    assert list(examined) == ["ok", "findings"]
    assert examined["findings"][0] == {"check": "settings", "level": "ok", "detail": "complete"}


def test_a_plan(cli: CommandLine) -> None:
    with open("gateway.yaml", "w") as file:
        file.write("destinations: [{name: app, url: 'http://127.0.0.1:9/'}]\n")
    change = {"action": "create", "kind": "destination", "name": "app", "detail": None, "fields": [], "differences": []}
    planned = {"changes": [change], "not_in_file": [], "trials": {}, "applied": False, "secrets": {}}
    assert printed(cli, "apply", "gateway.yaml", "--plan") == text(planned)
    shown = printed(cli, "apply", "gateway.yaml", "--show-secrets")
    assert shown == text(planned | {"applied": True, "secrets": {"app": "SECRET"}})
    with open("gateway.yaml", "w") as file:
        file.write("destinations: [{name: app, url: 'http://127.0.0.1:9/', rate: 2}]\n")
    cli("destinations", "add", "more", "http://127.0.0.1:9/")
    cli("routes", "add", "--source", "gateway", "--to", "app")
    difference = {"field": "rate", "before": None, "after": 2.0}
    change |= {"action": "update", "fields": ["rate"], "differences": [difference]}
    left = [
        {"kind": "destination", "name": "more", "detail": None},
        {"kind": "route", "name": "gateway-to-app", "detail": "* of gateway to app"},
    ]
    changed = planned | {"changes": [change], "not_in_file": left}
    assert printed(cli, "apply", "gateway.yaml", "--plan") == text(changed)


def test_a_diagnosis(cli: CommandLine) -> None:
    result = cli("explain", "--provider", "github", "--secret", "x", "--json", code=5)
    diagnosis = json.loads(result.stdout)
    assert list(diagnosis) == [
        "provider",
        "scheme",
        "accepted",
        "reason",
        "detail",
        "findings",
        "expected",
        "received",
        "tried",
    ]
    assert list(diagnosis["findings"][0]) == ["cause", "certainty", "sentence", "remedy", "details"]
    assert list(diagnosis["expected"][0]) == ["label", "text"]
