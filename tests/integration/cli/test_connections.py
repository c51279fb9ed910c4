"""`gateway connections`, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.oauth.connections.schema import ConnectionSchema
from gateway.oauth.flows.sessions.schema import ConnectSessionSchema
from tests.integration.cli.conftest import CommandLine
from tests.services.connecting import KEYED, TWO_SECRETS, write_all_entries
from tests.services.oauth_provider import OAuthProvider

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEY = "key-of-the-tests"
ADD_APP = (
    *("app-credentials", "add", "github-app", "--provider", "github"),
    *("--client-id", "x", "--client-secret-env", "SECRET"),
)


@pytest.fixture
def entries(oauth_server: OAuthProvider, tmp_path: Path) -> dict[str, str]:
    oauth_server.reset()
    directory = write_all_entries(tmp_path / "entries", oauth_server)
    return {"GATEWAY_PROVIDERS_DIR": str(directory), "SECRET": f" {KEY}\n"}


def test_a_key_is_connected_and_looked_after(
    cli: CommandLine, oauth_server: OAuthProvider, entries: dict[str, str]
) -> None:
    cli("db", "upgrade")
    assert "No connections yet" in cli("connections", "list").stderr
    add = ("connections", "add", KEYED, "--secret-env", "SECRET", "--reference", "customer-1")
    oauth_server.answer_next("/api/me", 401)
    refused = cli(*add, code=1, **entries)
    assert "does not take these credentials" in refused.stderr
    oauth_server.answer_next("/api/me", 200, {"data": []})
    added = cli(*add, **entries)
    connection = added.stdout.strip()
    assert connection.startswith("conn_")
    assert oauth_server.at("/api/me")[-1].headers["authorization"] == f"Bearer {KEY}"
    shown = cli("connections", "show", connection)
    listed = cli("connections", "list", "--state", "connected", "--reference", "customer-1")
    assert connection in listed.stdout
    assert cli("connections", "list", "--provider", "github").stdout == ""
    oauth_server.answer_next("/api/me", 401)
    broken = cli("connections", "test", connection, code=1, **entries)
    assert "does not take it, status 401" in broken.stdout
    explained = cli("connections", "explain", connection)
    assert "needs_reauth" in explained.stdout
    assert "refused the credentials" in explained.stdout
    assert f"gateway connections add {KEYED} --reconnect {connection}" in explained.stderr
    oauth_server.answer_next("/api/me", 200, {"data": []}, times=2)
    again = cli.answering(KEY, "connections", "add", KEYED, "--reconnect", connection, **entries)
    assert connection in again.stdout
    tested = cli.json("connections", "test", connection, **entries)
    assert (tested["is_working"], tested["finding"], tested["connection"]["state"]) == (True, "works", "connected")
    row = cli.json("connections", "show", connection)
    assert list(row) == list(ConnectionSchema().fields)
    assert cli.json("connections", "list") == {"data": [row]}
    explanation = cli.json("connections", "explain", connection)
    assert (explanation["connection"], explanation["next_steps"]) == (row, [])
    said = (added, shown, listed, broken, explained, again)
    assert all(KEY not in one.output for one in said)


def test_what_is_wrong_is_said(cli: CommandLine, entries: dict[str, str]) -> None:
    cli("db", "upgrade")
    plain = cli("connections", "add", KEYED, "--secret", KEY, code=1, **entries)
    assert "takes `-` only" in plain.stderr
    assert KEY not in plain.output
    assert "is not set" in cli("connections", "add", KEYED, "--secret-env", "NOTHING", code=1, **entries).stderr
    browser = cli("connections", "add", "keycloak", code=1)
    assert "a browser" in browser.stderr
    assert cli("connections", "show", "conn_1", code=3).stdout == ""
    untested = cli("connections", "add", KEYED, "--secret-env", "SECRET", "--no-test", **entries)
    assert "without a test" in untested.stderr


def test_one_is_ended_when_somebody_says_so(cli: CommandLine, entries: dict[str, str]) -> None:
    cli("db", "upgrade")
    connection = cli("connections", "add", KEYED, "--secret-env", "SECRET", "--no-test", **entries).stdout.strip()
    assert "say so with --yes" in cli("connections", "revoke", connection, code=2, **entries).stderr
    assert "nothing was changed" in cli.answering("n", "connections", "revoke", connection, code=1, **entries).stderr
    assert cli.json("connections", "show", connection)["state"] == "connected"
    assert "is revoked" in cli.answering("y", "connections", "revoke", connection, **entries).stdout
    # Nothing is left to be asked about.
    assert cli.json("connections", "revoke", connection, **entries)["state"] == "revoked"
    assert cli("connections", "revoke", "conn_1", "--yes", code=3, **entries).stdout == ""


def test_unknown_app_credentials_are_no_empty_list(cli: CommandLine, entries: dict[str, str]) -> None:
    cli("db", "upgrade")
    cli(
        "app-credentials",
        "add",
        "github-app",
        "--provider",
        "github",
        "--client-id",
        "x",
        "--client-secret-env",
        "SECRET",
        **entries,
    )
    assert cli("connections", "list", "--app-credentials", "github-app").stdout == ""
    unknown = cli("connections", "list", "--app-credentials", "github-ap", code=1)
    assert "there are no app credentials 'github-ap'" in unknown.stderr
    assert "github-app" in unknown.stderr.replace("'github-ap'", "")


def test_connect_sessions_are_listed_with_what_came_of_them(cli: CommandLine, entries: dict[str, str]) -> None:
    cli("db", "upgrade")
    assert "No connect sessions" in cli("connect-sessions", "list").stderr
    cli(
        "app-credentials",
        "add",
        "github-app",
        "--provider",
        "github",
        "--client-id",
        "x",
        "--client-secret-env",
        "SECRET",
        **entries,
    )
    url = cli("connect", "github-app", "--reference", "customer-1", **entries).stdout
    [row] = cli.json("connect-sessions", "list", "--reference", "customer-1")["data"]
    assert list(row) == list(ConnectSessionSchema().fields)
    assert (row["state"], row["app_credentials"]) == ("pending", "github-app")
    listed = cli("connect-sessions", "list")
    shown = cli("connect-sessions", "show", row["id"])
    assert row["id"] in listed.stdout
    assert "pending" in shown.stdout
    token = url.strip().partition("session=")[2]
    assert all(token not in one.output for one in (listed, shown))
    assert cli("connect-sessions", "list", "--reference", "other").output == ""
    assert cli("connect-sessions", "show", "cs_1", code=3).stdout == ""


def test_further_secrets_come_from_variables_or_are_asked_for(
    cli: CommandLine, oauth_server: OAuthProvider, entries: dict[str, str]
) -> None:
    cli("db", "upgrade")
    add = ("connections", "add", TWO_SECRETS, "--no-test", "--secret-env", "SECRET", "--further-env", "app_key=APP")
    entries = {**entries, "APP": "a-key"}
    lacking = cli(*add, code=1, **entries)
    assert "--further-env account_key=VAR" in lacking.stderr
    whole = (*add, "--further-env", "account_key=APP")
    assert "not take nonsense" in cli(*whole, "--further-env", "nonsense=APP", code=1, **entries).stderr
    added = cli(*whole, **entries)
    assert added.stdout.startswith("conn_")
    asked = cli.answering("an-account", *add, **entries)
    assert asked.stdout.startswith("conn_")
    assert all("a-key" not in one.output for one in (lacking, added, asked))


def test_it_is_called_by_its_id(cli: CommandLine, oauth_server: OAuthProvider, entries: dict[str, str]) -> None:
    cli("db", "upgrade")
    connection = cli("connections", "add", KEYED, "--secret-env", "SECRET", "--no-test", **entries).stdout.strip()
    oauth_server.answer_next("/api/echo/17", 200, {"fine": True}, {"Content-Type": "application/json"})
    called = cli("call", connection, "GET", "/echo/{id}", "--param", "id=17", "--query", "a=b", **entries)
    assert '"fine": true' in called.stdout
    [heard] = oauth_server.at("/api/echo/17")
    assert (heard.query, heard.headers["authorization"], heard.headers["x-shop"]) == (
        {"a": "b"},
        f"Bearer {KEY}",
        "main",
    )
    oauth_server.answer_next("/api/me", 200, {"data": [{"id": 1}, {"id": 2}]}, {"Content-Type": "application/json"})
    assert len(cli("call", connection, "GET", "things", "--pages", **entries).stdout.splitlines()) == 2
    refused = cli("call", connection, "GET", "/echo", "--explain", code=1, **entries)
    assert "401" in refused.stderr
    assert KEY not in called.output + refused.output
    assert cli("call", "conn_unknown", "GET", "/echo", code=3, **entries).stdout == ""
    own = cli("call", connection, "GET", "/echo", "--secret-env", "SECRET", code=1, **entries)
    assert "its own credentials" in own.stderr
