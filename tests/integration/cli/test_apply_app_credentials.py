"""App credentials in the one file of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import CommandLine

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FILE = """
app_credentials:
  - name: github
    provider: github
    client_id: id-1
    client_secret_env: SECRET
    scopes: [repo]
  - {name: shop, provider: shopify, client_id: id-2, client_secret: shh-2}
"""


def test_they_are_brought_to_what_the_file_says(cli: CommandLine, tmp_path: Path) -> None:
    cli("db", "upgrade")
    path = tmp_path / "gateway.yaml"
    path.write_text(FILE)
    planned = cli("apply", str(path), "--plan", SECRET="shh-1")
    assert planned.stdout == "create app credentials github\ncreate app credentials shop\n"
    assert cli.json("app-credentials", "list") == {"data": []}
    cli("apply", str(path), SECRET="shh-1")
    again = cli("apply", str(path), SECRET="shh-1")
    assert (again.stdout, again.stderr) == ("", "No changes.\n")
    path.write_text(FILE.replace("[repo]", "[gist]").replace("client_id: id-2", "client_id: id-3"))
    changed = cli("apply", str(path), SECRET="shh-9")
    assert changed.stdout == (
        "update app credentials github\n  scopes: repo → gist\n  client_secret: … → …\n"
        "update app credentials shop\n  client_id: id-2 → id-3\n"
    )
    assert "shh-" not in changed.output
    assert "No changes" in cli("apply", str(path), SECRET="shh-9").stderr
    assert cli.json("app-credentials", "show", "github")["scopes"] == ["gist"]
    path.write_text("routes: []")
    assert "keep app credentials github (not in the file)" in cli("apply", str(path)).stdout


def test_what_is_wrong_is_named_by_its_place(cli: CommandLine, tmp_path: Path) -> None:
    cli("db", "upgrade")
    path = tmp_path / "gateway.yaml"
    path.write_text(FILE.replace("provider: github", "provider: gitea").replace("shopify", "shopfy"))
    refused = cli("apply", str(path), code=1)
    for line in (
        "app_credentials[0].client_secret_env: the variable SECRET is not set or empty",
        "app_credentials[0].parameters.base: base is missing",
        "app_credentials[1].provider: the catalogue has no provider 'shopfy'",
    ):
        assert line in refused.stderr
    assert "client_secret: " not in refused.stderr
    path.write_text(FILE)
    cli("apply", str(path), SECRET="shh-1")
    path.write_text(FILE.replace("provider: github", "provider: gitlab"))
    assert "app_credentials[0].provider" in cli("apply", str(path), code=1, SECRET="shh-1").stderr
