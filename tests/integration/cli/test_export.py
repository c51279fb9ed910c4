"""`gateway export`, and what a file leaves out."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from tests.integration.cli.conftest import CommandLine

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MANIFEST = """
sources:
  - {slug: github, provider: github, secret_env: GH, rate: 5, allowed_ips: [192.0.2.0/24], enabled: false}
  - {slug: shop, provider: generic, secret_env: GH, options: {header: X-Sig, prefix: "v=", encoding: hex, hash: sha256}}
destinations:
  - name: app
    url: "https://app.example.com/?token=hunter2"
    secret_env: SIGNING
    headers_env: {X-Key: KEY}
    schedule: [2, 4.5]
  - {name: other, url: "https://other.example.com/", secret_env: SIGNING, ordering_key: id, fatal_statuses: [404]}
routes:
  - {source: github, types: [push], where: ref == 'a', to: app, name: pushes}
  - {source: gateway, to: other}
app_credentials:
  - {name: gh, provider: github, client_id: Iv1.8a61f9b3a7aba766, client_secret_env: GH, scopes: [repo]}
"""
HELD = {"GH": "a-secret-of-github", "SIGNING": SECRET, "KEY": "k3y-of-app"}


def _apply(cli: CommandLine, tmp_path: Path, text: str, *options: str, code: int = 0, **variables: str) -> Any:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return cli("apply", str(path), *options, code=code, **variables)


def test_an_export_changes_nothing_where_it_came_from_and_has_no_secret(cli: CommandLine, tmp_path: Path) -> None:
    _apply(cli, tmp_path, MANIFEST, **HELD)
    exported = cli("export")
    assert not any(secret in exported.output for secret in (*HELD.values(), "hunter2"))
    document = yaml.safe_load(exported.stdout)
    assert document["destinations"][0]["url_env"] == "APP_URL"
    named = {
        "GITHUB_WEBHOOK_SECRET": HELD["GH"],
        "SHOP_WEBHOOK_SECRET": HELD["GH"],
        "APP_URL": "https://app.example.com/?token=hunter2",
        "APP_SIGNING_SECRET": SECRET,
        "APP_X_KEY": HELD["KEY"],
        "OTHER_SIGNING_SECRET": SECRET,
        "GH_CLIENT_SECRET": HELD["GH"],
    }
    assert all(name in exported.stderr for name in named)
    again = _apply(cli, tmp_path, exported.stdout, "--plan", "--prune", "--exit-code", **named)
    assert again.stdout == ""
    # Another secret is one change, and the old one signs on.
    changed = _apply(cli, tmp_path, exported.stdout, **named | {"APP_SIGNING_SECRET": SECRET.replace("AAEC", "AQEC")})
    assert "secret: … → …" in changed.stdout
    assert len(cli.json("destinations", "show", "app")["secret_ends"]) == 2


def test_an_export_without_secrets_is_for_the_same_installation(cli: CommandLine, tmp_path: Path) -> None:
    _apply(cli, tmp_path, MANIFEST.replace("?token=hunter2", ""), **HELD)
    exported = cli("export", "--without-secrets").stdout
    assert "_env" not in exported
    assert _apply(cli, tmp_path, exported, "--plan", "--prune", "--exit-code").stdout == ""


def test_what_a_file_leaves_out_of_secrets_headers_and_switches_stays(cli: CommandLine, tmp_path: Path) -> None:
    _apply(cli, tmp_path, MANIFEST, **HELD)
    cli("destinations", "disable", "other")
    text = """
sources: [{slug: github, provider: github}]
destinations: [{name: app, url: "https://app.example.com/"}, {name: other, url: "https://other.example.com/"}]
"""
    changed = cli.json("apply", str(_written(tmp_path, text)))["changes"]
    assert {change["name"]: change["fields"] for change in changed} == {
        "github": ["allowed_ips", "rate"],
        "app": ["url", "schedule"],
        "other": ["ordering_key", "fatal_statuses"],
    }
    assert cli.json("destinations", "show", "other")["state"].startswith("disabled")
    assert cli.json("destinations", "show", "app")["header_names"] == ["X-Key"]
    cleared = text.replace('com/"}, ', 'com/", headers: {}, enabled: true}, ')
    [change] = cli.json("apply", str(_written(tmp_path, cleared)))["changes"]
    assert change["fields"] == ["headers.X-Key"]


def test_secrets_that_are_made_go_into_no_pipe(cli: CommandLine, tmp_path: Path) -> None:
    text = 'destinations: [{name: app, url: "https://app.example.com/"}]'
    applied = _apply(cli, tmp_path, text)
    assert "whsec_" not in applied.output
    assert "gateway destinations rotate app" in applied.stderr
    shown = _apply(cli, tmp_path, text.replace("app,", "two,"), "--show-secrets")
    assert "Signing secret of two: whsec_" in shown.stdout


def test_all_faults_are_told_in_one_round(cli: CommandLine, tmp_path: Path) -> None:
    text = """
sources:
  - {slug: github, provider: githb, secret: a-secret-of-github}
  - {slug: stripe, provider: stripe, secert_env: STRIPE}
  - {slug: lost}
destinations:
  - {name: one, url: "ftp://x", timout: 5}
  - {name: two, url: "https://two.example.com/", schedule: [x], secret: short}
  - {name: three, url: "https://three.example.com/", secret_env: NOT_SET}
routes:
  - {source: lost, to: two}
  - {source: githubb, to: thre, where: lenght(a)}
rules: []
"""
    told = _apply(cli, tmp_path, text, code=1).stderr
    lines = {line.removeprefix("Error: ").split(":")[0]: line for line in told.splitlines()}
    assert lines.keys() == {
        "sources[0].provider",
        "sources[1].secert_env",
        "sources[2].provider",
        "destinations[0].timout",
        "destinations[0].url",
        "destinations[1].schedule[0]",
        "destinations[2].secret_env",
        "routes[1].source",
        "routes[1].to",
        "routes[1].where",
        "rules",
    }
    assert "did you mean 'secret_env'?" in lines["sources[1].secert_env"]
    assert "did you mean 'timeout'?" in lines["destinations[0].timout"]
    assert "did you mean 'routes'?" in lines["rules"]


def test_a_destination_is_paused_for_a_while(cli: CommandLine) -> None:
    cli("destinations", "add", "app", "https://app.example.com/")
    assert "is paused until" in cli("destinations", "pause", "app", "--for", "30m").stdout
    assert cli.json("destinations", "show", "app")["state"] == "paused"
    assert "at most" in cli("destinations", "pause", "app", "--for", "8d", code=1).stderr
    cli("destinations", "enable", "app")
    assert cli.json("destinations", "show", "app")["paused_until"] is None


def test_everything_that_a_file_changes_of_a_source_the_command_changes(cli: CommandLine) -> None:
    cli("sources", "add", "github", "--provider", "github", "--secret", "a-secret-of-github")
    cli("sources", "change", "github", "--scheme", "sha1_legacy", "--rate", "5", "--allow-ip", "192.0.2.0/24")
    source = cli.json("sources", "show", "github")
    assert (source["scheme"], source["rate_per_second"], source["allowed_ips"]) == ("sha1_legacy", 5, ["192.0.2.0/24"])
    cli("sources", "change", "github", "--default", "scheme", "--default", "rate", "--default", "allow-ip")
    source = cli.json("sources", "show", "github")
    assert (source["scheme"], source["rate_per_second"], source["allowed_ips"]) == ("sha256", None, [])


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "written.yaml"
    path.write_text(text)
    return path
