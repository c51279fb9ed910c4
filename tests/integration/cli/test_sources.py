"""`gateway sources` and `gateway tenants`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from gateway.db.database import Database
from gateway.webhooks.sources.models import SourceCredential
from tests.integration.cli.conftest import CommandLine

SECRET = "hunter2-hunter2"


def test_a_source_is_added_shown_and_listed(cli: CommandLine) -> None:
    assert "No sources yet" in cli("sources", "list").stderr
    added = cli("sources", "add", "github", "--provider", "github", "--secret-env", "GH", GH=SECRET)
    assert "http://127.0.0.1:8000/webhooks/github" in added.stdout
    shown = cli.json("sources", "show", "github")
    assert (shown["scheme"], shown["state"], len(shown["credentials"])) == ("sha256", "enabled", 1)
    assert cli.rows("sources", "list")[0][:5] == ["github", "github", "sha256", "enabled", "1"]
    everything = added.output + cli("sources", "show", "github").output + str(shown) + cli("sources", "list").output
    assert SECRET not in everything


def test_the_secret_is_sealed(cli: CommandLine, database: Database) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", SECRET)
    with database.system_session() as session:
        [row] = session.scalars(select(SourceCredential)).all()
    assert SECRET.encode() not in row.sealed_value


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("github", "--provider", "github"), 1, "--secret-env"),
        (("github", "--provider", "githb", "--secret", "x"), 3, "did you mean github"),
        (("gateway", "--provider", "github", "--secret", "x"), 1, "reserved"),
        (("--provider", "github", "--secret", "x"), 1, "give the source a SLUG"),
        (("x", "--provider", "github", "--secret", "x", "--secret-env", "GH"), 1, "give one of"),
        (("x", "--provider", "github", "--secret-env", "NOT_SET"), 1, "NOT_SET is not set"),
        (("x", "--provider", "generic", "--scheme", "unsigned"), 1, "unguessable"),
        (("x",), 2, "--provider"),
    ],
)
def test_what_cannot_be_added(cli: CommandLine, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = cli("sources", "add", *arguments, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert cli.json("sources", "list")["data"] == []


def test_an_unsigned_source_gets_an_unguessable_address(cli: CommandLine) -> None:
    first = cli.json("sources", "add", "--provider", "generic", "--scheme", "unsigned")
    second = cli.json("sources", "add", "-", "--provider", "generic", "--scheme", "unsigned")
    assert first["slug"] != second["slug"]
    assert len(first["slug"]) == len("src_") + 32


def test_a_generated_secret_is_shown_once(cli: CommandLine) -> None:
    added = cli.json("sources", "add", "sw", "--provider", "standard-webhooks", "--generate-secret")
    assert added["secret"].startswith("whsec_")
    assert added["secret"] not in cli("sources", "show", "sw", "--json").output


def test_rotation_overlaps(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", "one")
    cli("sources", "rotate", "github", "--secret", "two")
    ends = [one["expires_at"] for one in cli.json("sources", "show", "github")["credentials"]]
    assert ends[1] is None
    assert ends[0] is not None
    cli("sources", "rotate", "github", "--secret-env", "GH", "--overlap", "0", GH="three")
    assert [one["expires_at"] for one in cli.json("sources", "show", "github")["credentials"]] == [None]
    assert "give --secret-env" in cli("sources", "rotate", "github", code=1).stderr
    assert "no source 'gitlab'" in cli("sources", "rotate", "gitlab", "--secret", "x", code=3).stderr


def test_disable_and_enable(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", "one")
    assert cli.json("sources", "disable", "github")["state"] == "disabled"
    assert cli.json("sources", "enable", "github")["state"] == "enabled"


def test_a_source_is_removed_when_somebody_says_so(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    assert "first `gateway routes remove github-to-app`" in cli("sources", "remove", "github", "--yes", code=1).stderr
    cli("routes", "remove", "github-to-app")
    assert "--yes" in cli("sources", "remove", "github", code=2).stderr
    assert "nothing was changed" in cli.answering("n", "sources", "remove", "github", code=1).stderr
    assert "for good" in cli.answering("y", "sources", "remove", "github").stderr
    assert cli.json("sources", "list")["data"] == []
    assert "no source 'github'" in cli("sources", "remove", "github", "--yes", code=3).stderr
    cli("sources", "add", "github", "--provider", "github", "--secret", "one")
    assert cli.json("sources", "remove", "github", "--yes") == {"removed": "github"}


def test_tenants_do_not_see_each_other(cli: CommandLine) -> None:
    cli("tenants", "create", "acme")
    assert "already" in cli("tenants", "create", "acme", code=1).stderr
    assert "reserved" in cli("tenants", "create", "gateway", code=1).stderr
    assert [row["slug"] for row in cli.json("tenants", "list")["data"]] == ["acme", "default"]
    for tenant in ("acme", "default"):
        cli("--tenant", tenant, "sources", "add", "github", "--provider", "github", "--secret", "x")
    assert cli.json("sources", "show", "github", "--tenant", "acme")["url"].endswith("/webhooks/acme/github")
    cli("sources", "add", "only", "--provider", "github", "--secret", "x", "--tenant", "acme")
    assert "no source 'only'" in cli("sources", "show", "only", code=3).stderr
    assert "did you mean 'acme'" in cli("sources", "list", "--tenant", "acne", code=3).stderr
