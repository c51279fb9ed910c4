"""`gateway apply`, `db`, `doctor`, `send`, and how faults of the installation are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.db.database import Database
from gateway.security.sealing import generate_key
from tests.integration.cli.conftest import CommandLine

MANIFEST = """
sources:
  - {slug: github, provider: github, secret_env: GH}
destinations:
  - {name: app, url: "http://127.0.0.1:9/", headers_env: {Authorization: TOKEN}}
routes:
  - {source: github, types: [push], to: app}
  - {source: gateway, to: app}
"""
VARIABLES = {"GH": "s3cret-one", "TOKEN": "Bearer hunter2"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(MANIFEST)
    return path


def test_apply_is_idempotent_and_plan_changes_nothing(cli: CommandLine, manifest: Path) -> None:
    plan = cli("apply", str(manifest), "--plan", "--exit-code", code=2, **VARIABLES)
    assert plan.stdout.splitlines() == [
        "create source github",
        "create destination app",
        "create route github-to-app: push of github to app",
        "create route gateway-to-app: * of gateway to app",
    ]
    assert cli.json("sources", "list")["data"] == []
    applied = cli.json("apply", str(manifest), "--show-secrets", **VARIABLES)
    assert applied["secrets"]["app"].startswith("whsec_")
    assert "hunter2" not in str(applied) + plan.output
    again = {"changes": [], "not_in_file": [], "trials": {}, "applied": True, "secrets": {}}
    assert cli.json("apply", str(manifest), **VARIABLES) == again
    assert cli("apply", str(manifest), "--plan", "--exit-code", **VARIABLES).stdout == ""


def test_apply_updates_what_differs(cli: CommandLine, manifest: Path) -> None:
    cli("apply", str(manifest), **VARIABLES)
    changed = cli.json("apply", str(manifest), GH="s3cret-two", TOKEN="Bearer other")
    assert [(change["action"], change["name"], change["fields"]) for change in changed["changes"]] == [
        ("update", "github", ["credentials.secret"]),
        ("update", "app", ["headers.Authorization"]),
    ]
    assert len(cli.json("sources", "show", "github")["credentials"]) == 2


def test_apply_is_all_or_nothing(cli: CommandLine, manifest: Path) -> None:
    manifest.write_text(MANIFEST + "  - {source: nope, to: nobody, where: 'nope()'}\n")
    refused = cli("apply", str(manifest), code=1, GH="x").stderr
    for place in ("destinations[0].headers_env.Authorization", "routes[2].source", "routes[2].to", "routes[2].where"):
        assert place in refused
    assert cli.json("sources", "list")["data"] == []
    assert "cannot be read" in cli("apply", "missing.yaml", code=1).stderr


def test_db(cli: CommandLine) -> None:
    assert cli.json("db", "current")["is_current"] is True
    assert "is current" in cli("db", "upgrade").stdout


def test_a_database_that_is_not_there_or_behind(cli: CommandLine, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/gateway.db"
    assert "gateway db upgrade" in cli("sources", "list", code=4, GATEWAY_DATABASE_URL=url).stderr
    assert not (tmp_path / "new").exists()
    cli("db", "upgrade", GATEWAY_DATABASE_URL=url)
    cli("sources", "list", GATEWAY_DATABASE_URL=url)
    gone = "postgresql+psycopg://postgres@127.0.0.1:1/none"
    refused = cli("sources", "list", code=4, GATEWAY_DATABASE_URL=gone)
    assert "Traceback" not in refused.output


def test_every_faulty_setting_is_named(cli: CommandLine) -> None:
    refused = cli("sources", "list", code=2, GATEWAY_BASE_URL="foo", GATEWAY_RETENTION_DAYS="x").stderr
    assert refused.count("Error: GATEWAY_") == 2


def test_a_wrong_key_is_told_and_hides_nothing(cli: CommandLine) -> None:
    cli("destinations", "add", "app", "http://127.0.0.1:9/", "--header", "X:y")
    cli("sources", "add", "github", "--provider", "github", "--secret", "x")
    for group in ("sources", "destinations"):
        listed = cli(group, "list", GATEWAY_ENCRYPTION_KEYS=generate_key())
        assert "\tout_of_order\t" in listed.stdout
        assert "is out of order: decryption_failed" in listed.stderr
        assert "GATEWAY_ENCRYPTION_KEYS" in listed.stderr


def test_a_list_makes_no_key(cli: CommandLine, tmp_path: Path) -> None:
    cli("destinations", "add", "app", "http://127.0.0.1:9/", "--header", "X:y")
    cli("sources", "add", "github", "--provider", "github", "--secret", "x")
    path = tmp_path / "lost" / "encryption.key"
    lost = {"GATEWAY_ENCRYPTION_KEYS": "", "GATEWAY_ENCRYPTION_KEY_FILE": str(path)}
    assert "there is no key" in cli("sources", "list", **lost).stderr
    assert "there is no key" in cli("destinations", "list", **lost).stderr
    assert not path.exists()


def test_doctor(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", "x")
    well = cli.doctor()
    levels = {finding["check"]: finding["level"] for finding in well["findings"]}
    assert [finding for finding in well["findings"] if finding["level"] == "fail"] == []
    assert (levels["database"], levels["durability"], levels["stored secrets"]) == ("ok", "ok", "ok")
    sick = cli("doctor", code=1, GATEWAY_ENCRYPTION_KEYS=generate_key(), GATEWAY_HANDLERS="no_such_module_here")
    assert "1 of 1 do not open" in sick.stdout
    assert "github of tenant default is out of order: decryption_failed" in sick.stdout
    assert "in order: 1 sources" in str(well)
    assert "no_such_module_here" in sick.stdout
    assert "GATEWAY_BASE_URL" in cli("doctor", code=1, GATEWAY_BASE_URL="foo").stdout


def test_doctor_names_expressions_that_were_stored_before_they_were_checked(
    cli: CommandLine, manifest: Path, database: Database
) -> None:
    cli("apply", str(manifest), **VARIABLES)
    with database.write() as connection:
        connection.execute(text("UPDATE routes SET \"where\" = 'lenght(a)' WHERE source = 'github'"))
    [found] = [one for one in cli.doctor()["findings"] if one["check"] == "routes"]
    assert found["level"] == "warn"
    assert "github-to-app of tenant default: the where expression calls lenght()" in found["detail"]


def test_send_says_what_is_missing(cli: CommandLine) -> None:
    here = {"GATEWAY_BASE_URL": "http://127.0.0.1:9"}
    assert "sources add SLUG --provider github" in cli("send", "github", code=3).stderr
    for slug in ("one", "two"):
        cli("sources", "add", slug, "--provider", "github", "--secret", "x")
    assert "--source one or two" in cli("send", "github", code=1).stderr
    assert "is for github" in cli("send", "stripe", "--source", "one", code=1).stderr
    # A slug is taken too, and before the provider's other sources.
    cli("sources", "add", "github", "--provider", "github", "--secret", "x")
    for name, slug in (("one", "one"), ("github", "github")):
        assert f"nothing answers at {here['GATEWAY_BASE_URL']}" in cli("send", name, "nope", code=1, **here).stderr, (
            slug
        )
    assert cli("send", "one", "nope", "--print").stdout.startswith('{"sample":true')
    assert "gateway run" in cli("send", "github", "--source", "one", code=1, **here).stderr
    assert "private key" in cli("send", "discord", code=1).stderr
