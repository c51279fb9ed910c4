"""The connect page in a real Chromium: by keyboard, as screen readers have it, narrow, dark, themed, and in a frame."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.real.chromium import Chromium, Tab, chromium
from tests.real.servers import named
from tests.services.gateway_process import Installation
from tests.services.nginx import nginx
from tests.services.oauth_entries import OPENID, PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider, oauth_provider
from tests.services.proxies import HOST, Proxy
from tests.services.waiting import until

PROGRAM = named("GATEWAY_TEST_CHROMIUM", "chromium")
PICTURES = Path(os.environ.get("GATEWAY_TEST_PICTURES", ""))
THEME = {"accent": "#7a3cff", "radius": "14", "font": "serif", "title": "Example Inc."}
DARK_THEME = {"background": "#10241c", "accent": "#ffb000", "title": "Example Inc."}
STATUS = "document.querySelector('[role=status]').innerText"
CONNECT, SAID = "Connect Plain Provider", "Your Plain Provider account is connected."


@dataclass
class Sender:
    """An application: it makes connect sessions by the API, and has a page."""

    installation: Installation
    key: str
    provider: OAuthProvider

    def link(self, **draft: Any) -> str:
        answer = requests.post(
            f"http://127.0.0.1:{self.installation.port}/api/v1/connect-sessions",
            json={"reference": "customer-42", **draft},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"])

    def connections(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.installation.json("connections", "list")["data"]
        return found


@contextmanager
def application(folder: Path) -> Iterator[Sender]:
    """A gateway that does not run yet, and a provider on loopback."""
    database = f"sqlite:///{folder / 'gateway.db'}"
    with oauth_provider() as provider, Installation(folder / "gateway", database) as installation:
        write_entries(folder / "providers", provider)
        installation.environment |= {
            "GATEWAY_PROVIDERS_DIR": str(folder / "providers"),
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
        }
        installation.gateway("db", "upgrade")
        for name, kind in (("plain", PLAIN), ("openid", OPENID)):
            secret = ("--client-secret", provider.client_secret)
            installation.gateway(
                "app-credentials", "add", name, "--provider", kind, "--client-id", provider.client_id, *secret
            )
        made = installation.json("keys", "create", "app", "--scope", "connections:write")
        yield Sender(installation, made["key"], provider)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    with application(tmp_path_factory.mktemp("connect-page")) as made:
        made.installation.web("--workers", "1")
        yield made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(PROGRAM, tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def tab(browser: Chromium) -> Iterator[Tab]:
    with browser.tab() as made:
        made.look()
        yield made
        assert made.errors == []


def keep(tab: Tab, name: str) -> None:
    if PICTURES.name:
        tab.keep_picture(PICTURES / f"{name}.png")


def test_an_account_is_connected_and_ended_by_keyboard_alone(sender: Sender, tab: Tab) -> None:
    tab.open(sender.link())
    assert (tab.names("main"), tab.names("heading")) == (
        [""],
        ["Connect accounts", "Openid Provider", "Plain Provider"],
    )
    assert tab.names("button") == ["Connect Openid Provider", CONNECT]
    assert "session=" not in tab.url
    keep(tab, "nothing-connected")
    tab.press_through(CONNECT)
    assert SAID in tab.evaluate(STATUS)
    assert tab.names("status") == [""]
    assert [one["state"] for one in sender.connections()] == ["connected"]
    assert "Connect another Plain Provider account" in tab.names("button")
    keep(tab, "connected")
    ask, sure = "Disconnect ada@example.org", "Yes, disconnect ada@example.org"
    assert sure not in tab.names("button")
    tab.tab_to(ask)
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    tab.press("Enter")
    keep(tab, "asked")
    tab.press_through(sure)
    assert CONNECT in tab.names("button")
    assert tab.evaluate(STATUS) == "The account was disconnected."
    assert [one["state"] for one in sender.connections()] == ["revoked"]
    keep(tab, "ended")


@pytest.mark.parametrize("theme", [{}, THEME, DARK_THEME], ids=["plain", "themed", "dark-theme"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_read_however_it_is_looked_at(
    sender: Sender, tab: Tab, theme: Mapping[str, str], scheme: str, request: pytest.FixtureRequest
) -> None:
    tab.look(width=320, height=640, scheme=scheme)
    tab.open(sender.link(theme=theme, reference="customer-43"))
    if not any(one["reference"] == "customer-43" for one in sender.connections()):
        tab.press_through(CONNECT)
    assert tab.is_wider_than_its_window is False
    assert tab.names("banner") == [""] * bool(theme)
    page = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = "background" in theme or scheme == "dark"
    assert (page not in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}) is is_dark
    keep(tab, request.node.callspec.id)


def test_pages_that_say_how_it_went(sender: Sender, tab: Tab) -> None:
    tab.look(width=320, height=640, scheme="dark")
    sender.provider.denies = "access_denied"
    try:
        tab.open(sender.link(app_credentials="plain", theme=THEME))
    finally:
        sender.provider.denies = None
    assert tab.names("heading") == ["Not connected"]
    assert tab.is_wider_than_its_window is False
    keep(tab, "declined")


class Host(ThreadingHTTPServer):
    """A page of the application, at another site, with what `html` says; over TLS."""

    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(proxy.certificate, proxy.key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.html = ""
        self.origin = f"https://app.example.org:{self.server_address[1]}"


class _Page(BaseHTTPRequestHandler):
    server: Host

    def log_message(self, format: str, *args: object) -> None:
        """Nobody asks."""

    def do_GET(self) -> None:
        body = self.server.html.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True)
class Framing:
    """A gateway over TLS, a page that frames it, and a browser that lets no other site have cookies."""

    sender: Sender
    host: Host
    browser: Chromium
    gateway: str

    def show(self, tab: Tab, host: str = "app.example.org") -> None:
        """Open the application's page, which is found at other hosts too."""
        link = self.sender.link(embed=True, return_to=f"{self.host.origin}/settings")
        assert link.startswith(self.gateway)
        frame = f'<iframe src="{link}" title="Accounts" width="100%" height="480"></iframe>'
        self.host.html = f'<!doctype html><html lang="en"><title>Settings</title><h1>Settings</h1>{frame}'
        tab.open(f"{self.host.origin.replace('app.example.org', host)}/settings")


@pytest.fixture
def framing(tmp_path: Path) -> Iterator[Framing]:
    folder, profile = tmp_path / "nginx", tmp_path / "profile"
    folder.mkdir()
    profile.mkdir()
    options = ["--ignore-certificate-errors", "--test-third-party-cookie-phaseout", "--site-per-process"]
    options.append("--host-resolver-rules=MAP *.example.org 127.0.0.1, MAP *.example.com 127.0.0.1")
    everything = {"location /webhooks/ {": "location / {", "    location / {\n        return 404;\n    }\n": ""}
    with application(tmp_path) as sender, nginx(folder, sender.installation.port, **everything) as proxy:
        host, gateway = Host(proxy), f"https://{HOST}:{proxy.port}"
        threading.Thread(target=host.serve_forever, daemon=True).start()
        sender.installation.gateway("tenants", "set", "default", "--return-origin", host.origin)
        sender.installation.environment |= {"GATEWAY_BASE_URL": gateway, "GATEWAY_TRUSTED_PROXIES": "1"}
        sender.installation.web("--workers", "1")
        with chromium(PROGRAM, profile, *options) as made:
            yield Framing(sender, host, made, gateway)
        host.shutdown()
        host.server_close()


def test_a_page_in_a_frame_where_other_sites_have_no_cookies(framing: Framing) -> None:
    with framing.browser.tab() as tab:
        framing.show(tab)
        with framing.browser.frame(framing.gateway) as frame:
            until(lambda: CONNECT in frame.names("button"), lambda: frame.parts())
            keep(tab, "in-a-frame")
            # What the application shows to who comes back; a link works once.
            framing.host.html = "back"
            frame.evaluate("document.querySelector('button[name=connect]').click()")
        until(lambda: "status=connected" in tab.url, lambda: tab.url)
        assert tab.url.startswith(f"{framing.host.origin}/settings?connection=conn_")
        framing.show(tab)
        with framing.browser.frame(framing.gateway) as frame:
            until(lambda: "Disconnect ada@example.org" in str(frame.parts()), lambda: frame.parts())
            frame.evaluate("document.querySelector('button[name=disconnect]').click()")
            until(lambda: "Disconnect" not in str(frame.parts()), lambda: frame.parts())
            assert frame.errors == []
        assert tab.errors == []
    assert [one["state"] for one in framing.sender.connections()] == ["revoked"]


def test_nobody_else_frames_it(framing: Framing) -> None:
    with framing.browser.tab() as tab:
        framing.show(tab, "evil.example.org")
        assert any("frame-ancestors" in error for error in tab.errors), tab.errors
