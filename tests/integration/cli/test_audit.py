"""`gateway audit`, and what the doctor says of the trail."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from sqlalchemy import update

from gateway.db.database import Database
from gateway.tenants.audit_trail.models import AuditRow
from tests.integration.cli.conftest import CommandLine


def test_commands_leave_entries_that_are_listed_and_shown(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    cli("tenants", "create", "acme")
    cli(
        "sources",
        "add",
        "stripe",
        "--provider",
        "stripe",
        "--secret",
        "whsec_Zm9vYmFyMTIzNDU2Nzg5MA",
        "--tenant",
        "acme",
    )
    rows = cli.rows("audit", "list")
    actions = [(row[4], row[5], row[6]) for row in rows]
    assert actions == [
        ("source.added", "stripe", "acme"),
        ("tenant.added", "acme", "acme"),
        ("route.added", "github-to-app", "default"),
        ("destination.added", "app", "default"),
        ("source.added", "github", "default"),
    ]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert {(row[2], row[3]) for row in rows} == {(user, os.uname().nodename)}
    assert [row[5] for row in cli.rows("audit", "list", "--tenant", "acme")] == ["stripe", "acme"]
    assert [row[5] for row in cli.rows("audit", "list", "--action", "source.*", "--object", "github")] == ["github"]
    assert cli.rows("audit", "list", "--actor", "nobody") == []
    assert cli.rows("audit", "list", "--until", "1h") == []
    assert len(cli.rows("audit", "list", "--since", "1h", "--actor", user)) == 5

    page = cli.json("audit", "list", "--limit", "2")
    rest = cli.json("audit", "list", "--cursor", page["next_cursor"])
    assert [one["id"] for one in page["data"] + rest["data"]] == [row[0] for row in rows]

    shown = cli("audit", "show", rows[0][0]).stdout
    assert "source.added" in shown
    assert '  provider: "stripe"' in shown
    assert "Zm9vYmFyMTIzNDU2Nzg5MA" not in shown + str(page)
    assert cli.json("audit", "show", rows[0][0])["after"]["slug"] == "stripe"
    assert "no audit entry" in cli("audit", "show", "aud_none", code=3).output
    cli("audit", "show", rows[0][0], "--tenant", "default", code=3)


def test_the_doctor_checks_the_chains(ready: Callable[[], CommandLine], database: Database) -> None:
    def found(cli: CommandLine) -> list[tuple[str, str]]:
        return [(one["level"], one["detail"]) for one in cli.doctor()["findings"] if one["check"] == "audit trail"]

    cli = ready()
    assert found(cli) == [("ok", "3 entries, each as it was written (chains: 1)")]
    with database.write() as connection:
        connection.execute(update(AuditRow).where(AuditRow.number == 2).values(actor_name="nobody"))
    [(level, detail)] = found(cli)
    assert level == "fail"
    assert detail.startswith("of tenant default: entry 2 (aud_")
    assert not cli.doctor()["ok"]
