"""Accounts connected at a running gateway, by commands, a browser with cookies, and a provider on loopback."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.services.cookie_browser import CookieBrowser
from tests.services.gateway_process import COMMAND, Installation, Program
from tests.services.oauth_entries import OPENID, PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider, oauth_provider
from tests.services.tables import Tables
from tests.services.waiting import until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RETURN_TO = "https://app.example.com/integrations"


@dataclass(frozen=True)
class Connecting:
    """A gateway, web alone, and a provider."""

    installation: Installation
    provider: OAuthProvider
    web: Program

    def link(self, app: str, *options: str) -> str:
        """A one-time URL."""
        made = self.installation.json("connect", app, *options)
        assert made.keys() == {"url", "expires_at"}
        return str(made["url"])


@pytest.fixture
def connecting(installation: Installation, tmp_path: Path) -> Iterator[Connecting]:
    entries = tmp_path / "providers"
    with oauth_provider() as provider:
        write_entries(entries, provider)
        installation.environment |= {"GATEWAY_PROVIDERS_DIR": str(entries), "CLIENT_SECRET": provider.client_secret}
        for name, kind in (("plain", PLAIN), ("openid", OPENID)):
            secret = ("--client-secret", provider.client_secret)
            installation.gateway(
                "app-credentials", "add", name, "--provider", kind, "--client-id", provider.client_id, *secret
            )
        installation.gateway("tenants", "set", "default", "--return-origin", "https://app.example.com")
        yield Connecting(installation, provider, installation.web("--workers", "1"))


def test_accounts_are_connected_and_nothing_of_it_is_in_the_log(connecting: Connecting) -> None:
    installation, provider = connecting.installation, connecting.provider
    page = CookieBrowser().open(connecting.link("plain"))
    assert (page.status, "<h1>Connected</h1>" in page.text) == (200, True), page.text
    browser = CookieBrowser(stops_at=RETURN_TO)
    link = connecting.link("openid", "--return-to", RETURN_TO, "--reference", "customer-42")
    page = browser.open(link)
    shown = installation.json("connections", "list")["data"]
    assert page.url == f"{RETURN_TO}?connection={shown[0]['id']}&status=connected"
    assert [(one["provider"], one["reference"]) for one in shown] == [(OPENID, "customer-42"), (PLAIN, None)]
    again = browser.open(link)
    assert (again.status, "session_used" in again.text) == (410, True)
    provider.denies = "access_denied"
    assert browser.open(connecting.link("plain", "--return-to", RETURN_TO)).url == f"{RETURN_TO}?error=access_denied"
    provider.refuses_refresh = True
    refused = subprocess.run(
        [COMMAND, "connections", "refresh", shown[0]["id"]],
        cwd=installation.directory,
        env=installation.environment,
        capture_output=True,
        text=True,
    )
    # Standard output is for answers alone, also where something is logged.
    assert ("a token was not renewed" in refused.stderr, refused.stdout) == (True, "")
    log = connecting.web.log()
    secrets = [*provider.access_tokens, *provider.refresh_tokens, provider.client_secret, link.partition("=")[2]]
    secrets += [one.query["code_challenge"] for one in provider.at("/authorize")]
    assert [secret for secret in secrets if secret in log] == []
    assert "access_denied" in log


def test_a_process_that_is_killed_in_the_middle_leaves_nothing_half(connecting: Connecting, tables: Tables) -> None:
    provider, link = connecting.provider, connecting.link("plain")
    browser = CookieBrowser()
    with ThreadPoolExecutor(1) as pool:
        with provider.held("/token", answers=True) as held:
            coming = pool.submit(browser.open, link)
            held.await_arrival()
            for worker in psutil.Process(connecting.web.pid).children():
                worker.send_signal(signal.SIGKILL)
        with pytest.raises(ConnectionError):
            coming.result(30)
    assert tables.rows("SELECT outcome, sealed IS NULL FROM oauth_flows") == [("interrupted", 1)]
    assert (tables.count("connections"), tables.events()) == (0, {})
    until(connecting.installation.is_up, connecting.web.log)
    assert CookieBrowser().open(connecting.link("plain")).status == 200


def test_a_provider_that_is_slow_holds_up_nobody_else(connecting: Connecting) -> None:
    provider, installation = connecting.provider, connecting.installation
    links = [connecting.link("plain") for _ in range(4)]
    with ThreadPoolExecutor(len(links)) as pool:
        with provider.held("/token"):
            coming = [pool.submit(CookieBrowser().open, link) for link in links]
            provider.await_requests(len(links))
            assert installation.get("/oauth/github/login").status == 404
            assert not any(one.done() for one in coming)
        assert [one.result(30).status for one in coming] == [200] * len(links)


def test_a_command_waits_until_the_account_is_connected(connecting: Connecting) -> None:
    waiting = connecting.installation.start("connect", "plain", "--wait", name="connect")
    waiting.wait_for_log("It works once")
    [link] = [line for line in waiting.log().splitlines() if line.startswith("http")]
    assert CookieBrowser().open(link).status == 200
    assert waiting.wait() == 0
    [shown] = connecting.installation.json("connections", "list")["data"]
    assert shown["id"] in waiting.log()


def test_a_command_prints_a_code_where_there_is_no_browser(connecting: Connecting) -> None:
    waiting = connecting.installation.start("connect", "openid", "--device", name="connect")
    waiting.wait_for_log("enter CODE-")
    code = waiting.log().partition("enter ")[2].split()[0]
    connecting.provider.approve_device(code)
    assert waiting.wait() == 0
    [shown] = connecting.installation.json("connections", "list")["data"]
    assert (shown["id"] in waiting.log(), shown["way"]) == (True, "device_code")
