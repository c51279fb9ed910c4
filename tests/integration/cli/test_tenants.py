"""`gateway tenants`: what its commands say and refuse. What they change is tested with the use cases."""

from __future__ import annotations

import io
import stat
import tarfile
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from gateway.clock import SystemClock, from_us, iso
from gateway.db.database import Database
from gateway.events.usage_counter import UsageCounter
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event


def test_limits_and_origins(cli: CommandLine) -> None:
    cli("tenants", "create", "acme")
    said = cli("tenants", "set", "acme", "--limit", "sources=1", "--return-origin", "https://a.example").output
    assert "sources=1" in said
    assert "https://a.example" in said
    source = ("sources", "add", "github", "--provider", "github", "--secret", "hunter2-hunter2", "--tenant", "acme")
    cli(*source)
    refused = cli("sources", "add", "more", *source[3:], code=1).output
    assert "may have 1 sources, and has 1; raise it with `gateway tenants set acme --limit sources=NUMBER`" in refused
    assert "there is no limit 'nothing'" in cli("tenants", "set", "acme", "--limit", "nothing=1", code=1).output
    assert "must be a number, or none" in cli("tenants", "set", "acme", "--limit", "sources=x", code=1).output
    assert "must be https" in cli("tenants", "set", "acme", "--return-origin", "http://a.example", code=1).output
    assert "nothing to change" in cli("tenants", "set", "acme", code=1).output
    both = ("--return-origin", "https://a.example", "--no-return-origins")
    assert "choose" in cli("tenants", "set", "acme", *both, code=1).output
    assert "no tenant 'acne'; did you mean acme?" in cli("tenants", "suspend", "acne", code=3).output.replace(
        "'acme'", "acme"
    )


def test_what_a_tenant_uses(cli: CommandLine, database: Database) -> None:
    tenant_id = cli.json("tenants", "create", "acme")["id"]
    cli("destinations", "add", "app", "http://127.0.0.1:9/", "--tenant", "acme")
    cli("tenants", "set", "acme", "--limit", "stored_bytes=10", "--limit", "events_per_second=0.5")
    at = from_us(SystemClock().now_us()) - timedelta(minutes=1)
    store_event(database, at, tenant_id=tenant_id, body=b"0123456789")
    counter = UsageCounter(database, SystemClock())
    while counter.step():
        pass
    shown = cli.json("tenants", "show", "acme")
    assert shown["slug"] == "acme"
    assert shown["usage"] == {
        "sources": 0,
        "destinations": 1,
        "events": 1,
        "stored_bytes": 10,
        "is_full": True,
        "last_event_at": iso(at),
    }
    said = cli("tenants", "show", "acme").output
    assert "10 of 10: full" in said
    assert "at most 0.5" in said
    [finding] = [one for one in cli.doctor()["findings"] if one["check"] == "tenants"]
    assert "as many bytes stored as it may have" in finding["detail"]
    assert "Bytes stored:" in cli("tenants", "show", "default").output
    cli("tenants", "show", "acne", code=3)


def test_the_list_and_the_doctor_tell_who_is_suspended(cli: CommandLine) -> None:
    def checked() -> list[tuple[str, str]]:
        return [(one["level"], one["detail"]) for one in cli.doctor()["findings"] if one["check"] == "tenants"]

    cli("tenants", "create", "acme")
    assert checked() == [("ok", "2, all served")]
    assert "gateway tenants resume acme" in cli("tenants", "suspend", "acme").output
    assert [(row[0], row[3]) for row in cli.rows("tenants", "list")] == [("acme", "suspended"), ("default", "active")]
    [(level, detail)] = checked()
    assert level == "warn"
    assert detail.endswith("`gateway tenants resume acme`")
    assert "is active" in cli("tenants", "resume", "acme").output


def test_erasing_asks(cli: CommandLine, database: Database) -> None:
    tenant_id = cli.json("tenants", "create", "acme")["id"]
    store_event(database, from_us(SystemClock().now_us()), tenant_id=tenant_id)
    assert "--yes" in cli("tenants", "erase", "acme", code=2).output
    planned = cli.rows("tenants", "erase", "acme", "--plan")
    assert [row for row in planned if len(row) == 2] == [["events", "1"], ["audit_entries", "1"], ["audit_heads", "1"]]
    asked = cli.answering("n", "tenants", "erase", "acme", code=1).output
    assert "events" in asked
    assert "for good?" in asked
    assert cli.json("tenants", "erase", "acme", "--plan")["rows"]["events"] == 1
    with database.write() as connection:
        connection.execute(text("UPDATE tenants SET erasing_at = 1 WHERE slug = 'acme'"))
    refused = cli("sources", "list", "--tenant", "acme", code=1).output
    assert "being erased; finish it with `gateway tenants erase acme`" in refused
    [finding] = [one for one in cli.doctor()["findings"] if one["check"] == "tenants"]
    assert finding["level"] == "warn"
    assert "is erased" in cli.answering("y", "tenants", "erase", "acme").output
    assert [row[0] for row in cli.rows("tenants", "list")] == ["default"]
    cli("tenants", "erase", "acme", "--yes", code=3)


def test_exporting(cli: CommandLine, tmp_path: Path) -> None:
    cli("tenants", "create", "acme")
    assert cli.json("tenants", "export", "acme", "acme.tar.gz") == {
        "tenant": "acme",
        "file": "acme.tar.gz",
        "lines": {"audit": 2},
    }
    assert stat.S_IMODE((tmp_path / "acme.tar.gz").stat().st_mode) == 0o600
    assert "is there already" in cli("tenants", "export", "acme", "acme.tar.gz", code=1).output
    assert "cannot be written" in cli("tenants", "export", "acme", "nowhere/acme.tar.gz", code=1).output
    assert "no tenant" in cli("tenants", "export", "acne", "acne.tar.gz", code=3).output
    assert sorted(path.name for path in tmp_path.glob("*.gz*")) == ["acme.tar.gz"]
    streamed = cli("tenants", "export", "acme", "-").stdout_bytes
    for data in (streamed, (tmp_path / "acme.tar.gz").read_bytes()):
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            assert tar.getnames()[-1] == "acme-export/complete.json"
