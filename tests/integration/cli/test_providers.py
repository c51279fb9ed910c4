"""`gateway providers`, and a stranger's entry in GATEWAY_PROVIDERS_DIR from its file to a stored event."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter

from gateway.clock import FakeClock
from gateway.config import Settings, load_settings
from gateway.errors import ConfigurationError
from gateway.factory import create_app, create_server
from gateway.installation import Installation
from tests.integration.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "ADDING_A_PROVIDER.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:yaml|json)\n(.*?)```", GUIDE, re.DOTALL)
ENTRY, VECTORS = BLOCKS[0], BLOCKS[1]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory with the guide's entry."""
    directory = tmp_path / "providers"
    directory.mkdir()
    (directory / "acme-shop.yaml").write_text(ENTRY)
    (tmp_path / "vectors.jsonl").write_text(VECTORS)
    return directory


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_list_searches_by_name_and_category(cli: CommandLine) -> None:
    assert len(cli.rows("providers", "list")) >= 169
    assert [row[0] for row in cli.rows("providers", "list", "--search", "HelloSign")] == ["dropbox-sign"]
    payments = cli.json("providers", "list", "--category", "payments")["data"]
    assert {row["category"] for row in payments} == {"payments"}
    assert "stripe" in [row["id"] for row in payments]
    assert payments[0]["evidence"]["meaning"]
    nothing = cli("providers", "list", "--search", "no such thing")
    assert "categories are accounting" in nothing.stderr
    assert nothing.stdout == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_show_tells_how_to_set_it_up_and_what_is_verified(cli: CommandLine) -> None:
    shown = cli("providers", "show", "slack").stdout
    for words in (
        "Signing Secret",
        "HMAC-SHA256",
        "X-Slack-Signature",
        "Dedupe key",
        "url_verification",
        "3 s",
        "sdk:",
    ):
        assert words in shown, words
    assert "store" in cli("providers", "show", "asana").stdout
    found = cli.json("providers", "show", "hubspot")
    assert found["add"].startswith("gateway sources add hubspot")
    assert {"Set up", "Events"} <= {section["title"] for section in found["sections"]}
    assert "did you mean" in cli("providers", "show", "strpe", code=3).stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_show_works_for_every_provider(cli: CommandLine) -> None:
    for row in cli.rows("providers", "list"):
        shown = cli("providers", "show", row[0]).stdout
        assert ("What is verified" in shown) is bool(row[3].strip("-"))
        assert ("Calling its API" in shown) is bool(row[4].strip("-"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_provider_that_can_only_be_called_has_no_source_and_no_sample(cli: CommandLine) -> None:
    said = "sends no webhooks that the gateway knows"
    assert said in cli("sources", "add", "mail", "--provider", "google", "--secret", "x", code=1).stderr
    assert said in cli("send", "google", "--print", code=1).stderr
    assert cli.json("providers", "show", "google")["add"] is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_check_takes_a_good_entry_and_its_vectors(cli: CommandLine, own: Path) -> None:
    entry, vectors = str(own / "acme-shop.yaml"), str(own.parent / "vectors.jsonl")
    assert "3 of 3 vectors" in cli("providers", "check", entry, "--vectors", vectors).stdout
    assert cli.json("providers", "check", entry, "--vectors", vectors) == {
        "provider": "acme-shop",
        "valid": True,
        "vectors": 3,
        "failed": [],
    }
    assert "--vectors FILE" in cli("providers", "check", entry).stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_check_names_vectors_that_are_judged_otherwise(cli: CommandLine, own: Path) -> None:
    path = own / "acme-shop.yaml"
    path.write_text(ENTRY.replace('"{timestamp}.{body}"', '"{body}"').replace("id: json:id", "id: json:other"))
    result = cli("providers", "check", str(path), "--vectors", str(own.parent / "vectors.jsonl"), code=1)
    assert "good: is rejected (signature_mismatch" in result.stdout
    assert "2 of 3" in result.stdout
    assert "shop_3f1c9d2e7a" not in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: not JSON"),
        ('{"expect": "maybe"}', "line 1: expect"),
        ('{"expect": "accept", "request": 1}', "line 1: request"),
        ('{"expect": "accept", "request": {"body_b64": "?"}}', "line 1: request.body_b64"),
        ('{"expect": "accept", "request": {}, "config": {"secrets": "x"}}', "line 1: config.secrets"),
        ('{"expect": "accept", "clock": "now", "request": {}}', "line 1: clock"),
    ],
)
def test_check_says_what_is_wrong_with_a_vector(cli: CommandLine, own: Path, line: str, words: str) -> None:
    (own.parent / "vectors.jsonl").write_text(line)
    command = ("providers", "check", str(own / "acme-shop.yaml"), "--vectors", str(own.parent / "vectors.jsonl"))
    assert words in cli(*command, code=1).stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_check_names_file_key_and_reason(cli: CommandLine, own: Path) -> None:
    path = own / "acme-shop.yaml"
    path.write_text(ENTRY.replace("encoding: hex", "encoding: hax").replace("name: Acme Shop", "nome: Acme Shop"))
    errors = cli("providers", "check", str(path), code=2).stderr
    assert "acme-shop.yaml: webhook.schemes.0.signature.encoding: Must be one of" in errors
    assert "acme-shop.yaml: name: Missing data" in errors
    assert "acme-shop.yaml: nome: Unknown field" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_own_entry_s_oauth_is_checked_and_shown(
    cli: CommandLine, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = GUIDE.partition("```yaml\noauth:")[2].partition("```")[0]
    path = own / "acme-shop.yaml"
    path.write_text(f"{ENTRY}oauth:{section}")
    monkeypatch.setenv("GATEWAY_PROVIDERS_DIR", str(own))
    assert "accounts by oauth2 (authorization_code)" in cli("providers", "check", str(path)).stdout
    shown = cli("providers", "show", "acme-shop").stdout
    assert "<GATEWAY_BASE_URL>/oauth/acme-shop/callback" in shown
    assert cli.json("providers", "show", "acme-shop")["ways"] == ["authorization_code"]
    [row] = cli.rows("providers", "list", "--search", "acme-shop")
    assert "oauth2" in row
    path.write_text(path.read_text().replace("under: [acme.example]", "pattern: .*"))
    assert (
        "acme-shop.yaml: oauth.api.base_url: 'api_url' is not known to be a URL"
        in cli("providers", "check", str(path), code=2).stderr
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_check_judges_how_an_api_is_described(cli: CommandLine, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "ADDING_AN_API.md").read_text(encoding="utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "acme-crm.yaml"
    path.write_text(text)
    assert "an API with the lists contacts" in cli("providers", "check", str(path)).stdout
    path.write_text(text.replace("wrap: contact}", "wrapp: contact}", 1).replace("deleted: archived\n", "\n"))
    assert cli("providers", "check", str(path), code=2).stderr.splitlines() == [
        "Error: acme-crm.yaml: api.resources.contacts.writes.create.wrapp: Unknown field. Did you mean `wrap`?"
    ]
    path.write_text(text.replace("      deleted: archived\n", ""))
    assert (
        "acme-crm.yaml: api.resources.contacts.deleted: says which"
        in cli("providers", "check", str(path), code=2).stderr
    )


def test_a_stranger_s_entry_works_without_touching_python(
    cli: CommandLine, own: Path, settings: Settings, fake_clock: FakeClock
) -> None:
    variables = {
        "GATEWAY_PROVIDERS_DIR": str(own),
        "GATEWAY_ENCRYPTION_KEYS": cli.environment["GATEWAY_ENCRYPTION_KEYS"],
    }
    assert cli.json("providers", "list", "--search", "acme", **variables)["data"][0]["from"] == "acme-shop.yaml"
    cli("sources", "add", "acme", "--provider", "acme-shop", "--secret", "shop_3f1c9d2e7a", **variables)
    here = load_settings({"GATEWAY_DATABASE_URL": settings.database_url} | variables)
    installation = Installation(here, clock=fake_clock)
    app = create_app(installation)
    now, body = fake_clock.now_us() // 1_000_000, b'{"id":"evt_9","type":"order.paid"}'
    signature = hmac.new(b"shop_3f1c9d2e7a", b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    headers = {"X-Acme-Time": str(now), "X-Acme-Signature": f"v1={signature}"}
    client = app.test_client()
    assert client.post("/webhooks/acme", data=body, headers=headers).json["status"] == "accepted"
    assert client.post("/webhooks/acme", data=body, headers=headers).json["status"] == "duplicate"
    assert client.post("/webhooks/acme", data=body + b" ", headers=headers).status_code == 401
    installation.close()
    shown = cli.json("events", "list", **variables)["data"][0]
    assert (shown["type"], shown["source"]) == ("order.paid", "acme")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_entry_of_ours_can_be_replaced(cli: CommandLine, own: Path) -> None:
    (own / "github.yaml").write_text(ENTRY.replace("name: Acme Shop", "name: GitHub of ours"))
    found = cli.json("providers", "show", "github", GATEWAY_PROVIDERS_DIR=str(own))
    assert found["name"] == "GitHub of ours"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broken_file_ends_the_start_with_its_faults(
    settings: Settings, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "broken.yaml").write_text("name: [")
    (own / "half.yaml").write_text(ENTRY.replace("method: hmac-sha256", "method: hmac-md4"))
    here = load_settings({"GATEWAY_DATABASE_URL": settings.database_url, "GATEWAY_PROVIDERS_DIR": str(own)})
    with pytest.raises(ConfigurationError) as caught:
        create_app(here)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["broken.yaml", "half.yaml"]
    monkeypatch.setenv("GATEWAY_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("GATEWAY_PROVIDERS_DIR", str(own))
    with pytest.raises(SystemExit) as ended:
        create_server()
    # On this code gunicorn ends, where on others it would start the next process.
    assert ended.value.code == Arbiter.WORKER_BOOT_ERROR
    assert "gateway: half.yaml: webhook.schemes.0.method" in capsys.readouterr().err


def test_and_every_command_says_the_same(own: Path, tmp_path: Path) -> None:
    (own / "broken.yaml").write_text("name: [")
    environment = {"GATEWAY_PROVIDERS_DIR": str(own), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "providers", "list", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["message"].startswith("broken.yaml: not YAML")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
