"""Recording from a real server, and playing it back without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clients.auth.base import ApiKey, Bearer, TokenAuth
from gateway.clients.auth.tokens import client_credentials
from gateway.clients.cassettes.exchanges import CassetteError
from gateway.clients.cassettes.session import RecordedSession
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError, ResponseTooLarge, Unavailable
from gateway.clients.paging.styles import LinkHeader
from gateway.clients.retries import RetryPolicy
from gateway.errors import AddressForbidden
from gateway.security.ssrf import AddressPolicy
from tests.services.fault_server import FaultServer, fault_server

TOKEN = "tok-5c1d8e90a7"
LOOPBACK = AddressPolicy(allow_private=True)
QUICK = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)


def use(url: str, session: RecordedSession) -> list[object]:
    """What somebody's code does: the same, whoever answers."""
    options = {"session": session, "allow_http": True, "retries": QUICK}
    acme = ApiClient(url, auth=Bearer(TOKEN), **options)
    keyed = ApiClient(url, auth=ApiKey("key-7f6e5d4c3b", query="appid"), **options)
    exchanged = TokenAuth(client_credentials(f"{url}/token", "me", "hunter2-secret", in_body=True, **options))
    found: list[object] = [
        list(acme.records("/listing", style=LinkHeader(), records="records")),
        acme.json("POST", "/people/{id}", {"id": "a b"}, json={"name": "Ada", "password": "hunter2-pw"})["path"],
        acme.get("/status/503", query={"times": 1}).tries,
        acme.json("GET", "/gzip"),
        keyed.json("GET", "/weather", query={"q": "Berlin"})["path"],
        ApiClient(url, auth=exchanged, **options).json("GET", "/with-a-token")["path"],
    ]
    with acme.stream("GET", "/streamed") as answer:
        found.append(b"".join(answer.chunks()).startswith(b"{"))
    for path, max_bytes in (("/secret-told", 1000), ("/larger", 10)):
        with pytest.raises(IntegrationError) as caught:
            acme.get(path, max_bytes=max_bytes)
        found.append(type(caught.value))
    return found


def test_what_was_recorded_is_played_without_the_system_and_has_no_secret(tmp_path: Path) -> None:
    cassette = tmp_path / "cassettes" / "acme.yaml"
    with fault_server() as system:
        url = system.url
        auth = [Bearer(TOKEN), ApiKey("key-7f6e5d4c3b", query="appid")]
        with RecordedSession(cassette, record=True, policy=LOOPBACK, auth=auth) as session:
            live = use(url, session)
        heard = len(system.heard)

    # The server is gone.
    assert use(url, RecordedSession(cassette)) == live
    assert live[0] == [{"id": number} for number in range(1, 7)]
    assert live[2] == 2
    assert live[-1] is ResponseTooLarge
    written = cassette.read_text()
    secrets = [TOKEN, "key-7f6e5d4c3b", "hunter2-secret", "hunter2-pw", "given-1"]
    assert [secret for secret in secrets if secret in written] == []
    assert written.count("method: ") == heard


def test_what_is_too_large_to_be_read_in_a_file_is_not_recorded(server: FaultServer, tmp_path: Path) -> None:
    session = RecordedSession(tmp_path / "a.yaml", record=True, policy=LOOPBACK)

    with pytest.raises(CassetteError, match="more than 10485760 bytes"):
        ApiClient(server.url, session=session, allow_http=True).get("/bomb")


def test_recording_is_guarded(server: FaultServer, tmp_path: Path) -> None:
    session = RecordedSession(tmp_path / "a.yaml", record=True)

    with pytest.raises(AddressForbidden):
        ApiClient(server.url, session=session, allow_http=True).get("/a")


def test_what_ended_with_an_error_leaves_the_cassette_as_it_was(server: FaultServer, tmp_path: Path) -> None:
    cassette = tmp_path / "a.yaml"

    with (
        pytest.raises(Unavailable),
        RecordedSession(cassette, record=True, policy=LOOPBACK) as session,
    ):
        ApiClient(server.url, session=session, allow_http=True, retries=QUICK).get("/status/500")

    assert not cassette.exists()
