"""`gateway app-credentials`, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.integration.cli.conftest import CommandLine
from tests.services.keys import rsa_key

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADD = ("app-credentials", "add", "github", "--provider", "github", "--client-id", "id-1")


def test_app_credentials_live(cli: CommandLine) -> None:
    cli("db", "upgrade")
    assert "Add some" in cli("app-credentials", "list").stderr
    added = cli(*ADD, "--client-secret-env", "SECRET", "--scope", "repo", SECRET="shh-1")
    assert "http://127.0.0.1:8000/oauth/github/callback" in added.stdout
    shown = cli("app-credentials", "show", "github")
    for line in ("http://127.0.0.1:8000/oauth/github/callback", "client secret", "repo", "id-1", "none"):
        assert line in shown.stdout
    assert "  - " in shown.stdout
    assert "shh-1" not in added.output + shown.output
    changed = cli.json("app-credentials", "change", "github", "--default-scopes", "--client-id", "id-2")
    assert (changed["scopes"], changed["client_id"]) == (None, "id-2")
    assert "counts at once" in cli("app-credentials", "rotate", "github", "--client-secret", "shh-2").stdout
    assert cli.json("app-credentials", "disable", "github")["state"] == "disabled"
    assert "again" in cli("app-credentials", "enable", "github").stdout
    [row] = cli.json("app-credentials", "list")["data"]
    assert row == cli.json("app-credentials", "show", "github")
    assert cli("app-credentials", "remove", "github", code=2).stdout == ""
    assert cli.json("app-credentials", "remove", "github", "--yes") == {"removed": "github"}
    assert cli.json("app-credentials", "list") == {"data": []}


def test_a_secret_is_asked_for_where_somebody_can_answer(cli: CommandLine) -> None:
    cli("db", "upgrade")
    refused = cli(*ADD, code=1)
    assert "--client-secret-env" in refused.stderr
    asked = cli.answering("shh-3", *ADD)
    assert "Client secret:" in asked.stderr
    assert "shh-3" not in asked.output
    assert cli.json("app-credentials", "show", "github")["secrets"] == ["client_secret"]
    piped = cli.answering("shh-4", "app-credentials", "rotate", "github")
    assert "counts at once" in piped.stdout


def test_what_is_wrong_is_said_with_what_to_do(cli: CommandLine) -> None:
    cli("db", "upgrade")
    secret = ("--client-secret", "shh")
    unknown = cli("app-credentials", "add", "x", "--provider", "githob", "--client-id", "id-1", *secret, code=3)
    assert "did you mean" in unknown.stderr
    several = cli("app-credentials", "add", "x y", "--provider", "keycloak", *secret, "--param", "relm=a", code=1)
    for part in ("not a name", "client id is missing", "no parameter 'relm'", "base is missing"):
        assert part in several.stderr
    both = cli(*ADD, *secret, "--client-secret-env", "SECRET", code=1, SECRET="shh")
    assert "give one of" in both.stderr
    cli(*ADD, *secret)
    assert "did you mean 'github'" in cli("app-credentials", "show", "githb", code=3).stderr
    assert "nothing is to be changed" in cli("app-credentials", "change", "github", code=1).stderr
    shop = cli("app-credentials", "add", "shop", "--provider", "shopify", "--client-id", "id-1", *secret)
    assert "Whoever connects an account has to say: shop (" in shop.stderr


def test_a_private_key_is_read_from_a_file(cli: CommandLine, tmp_path: Path) -> None:
    cli("db", "upgrade")
    path = tmp_path / "key.pem"
    pem = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    add = ("app-credentials", "add", "crm", "--provider", "salesforce", "--client-id", "id-1")
    for text, said in ((b"\xff\xfe", "is no text"), (pem[:-300], "copy it whole")):
        path.write_bytes(text)
        refused = cli(*add, "--private-key-file", str(path), code=1)
        assert said in refused.stderr
        assert "PRIVATE KEY" not in refused.output
    path.write_bytes(pem)
    assert cli.json(*add, "--private-key-file", str(path))["secrets"] == ["private_key"]
