"""From a customer's order number to "sent again", in three commands, in a journal of 100 000 events."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.config import load_settings
from gateway.installation import Installation
from gateway.security.sealing import generate_key
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.integration.cli.conftest import CommandLine

EVENTS = 100_000
# Ids that sort by number, with a time in them that does not matter here.
_NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {EVENTS}) "
_FILL = (
    _NUMBERS
    + """INSERT INTO events (id, tenant_id, source_id, source, provider, type, dedupe_key, received_at, request_id,
      method, url, content_type, body_bytes, headers, body)
    SELECT printf('evt_2%025d', i), :tenant, :source, 'shop', 'github', 'push', 'd-' || i, 1, NULL, 'POST', '',
      'application/json', 30, CAST('[["Content-Type","application/json"]]' AS BLOB),
      CAST('{"order": "A-' || i || '", "paid": true}' AS BLOB) FROM n""",
    _NUMBERS
    + """INSERT INTO deliveries (id, tenant_id, event_id, destination_id, state, next_attempt_at, created_at,
      scheduled_at, finished_at, attempts_made, schedule_position)
    SELECT printf('dlv_2%025d', i), :tenant, printf('evt_2%025d', i), :destination, 'delivered',
      1, 1, 1, 1, 1, 0 FROM n""",
)


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A gateway with 100 000 delivered events, of which nothing is indexed yet."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/gateway.db"
    cli = CommandLine({"GATEWAY_DATABASE_URL": url, "GATEWAY_ENCRYPTION_KEYS": generate_key()})
    cli("db", "upgrade")
    cli("sources", "add", "shop", "--provider", "github", "--secret", "s3cret")
    cli("destinations", "add", "app", "http://127.0.0.1:9/")
    ids = {"tenant": DEFAULT_TENANT_ID, "source": cli.json("sources", "show", "shop")["id"]}
    ids["destination"] = cli.json("destinations", "show", "app")["id"]
    with Installation(load_settings(cli.environment)) as installation, installation.database.write() as connection:
        for statement in _FILL:
            connection.execute(text(statement), ids)
    return cli


def test_an_order_number_leads_to_its_event_and_it_is_sent_again(large: CommandLine) -> None:
    began = time.monotonic()
    found, cursor = [], ()
    while not found:
        page = large.json("events", "list", "--contains", "A-31415", *cursor)
        found = page["data"]
        # Where it gives up in time it says how far it looked, and how to go on.
        assert found or page["looked_back_to"]
        cursor = ("--cursor", page["next_cursor"]) if page["next_cursor"] else ()
    [event] = found
    assert event["dedupe_key"] == "d-31415"
    assert large.json("events", "show", event["id"])["deliveries"][0]["state"] == "delivered"
    assert large.json("events", "replay", event["id"], "--all", "--yes")["repeated"] == 1
    assert large.json("deliveries", "list", "--event", "d-31415")["data"][0]["state"] == "pending"
    assert time.monotonic() - began < 60.0
