"""One question to a provider's socket, on loopback."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.sockets import ProviderSockets
from gateway.outgoing.resolver import SystemResolver
from gateway.security.ssrf import AddressPolicy
from tests.services.for_each import for_each_row
from tests.services.home_assistant_server import HomeAssistantServer
from tests.services.websocket_server import websocket_server_in_a_thread

LOOPBACK = AddressPolicy(allow_private=True)


def asked(url: str, token: str = "acc3ss", policy: AddressPolicy = LOOPBACK) -> Mapping[str, Any]:
    sockets = ProviderSockets(SystemResolver(), policy)
    return sockets.ask(url.replace("ws://", "http://"), access_token=token, command="auth/current_user")


def saying(*messages: object) -> Callable[[ServerConnection, int], Awaitable[None]]:
    """A server that says these, each after it heard something, and then hangs up."""

    async def behave(connection: ServerConnection, number: int) -> None:
        for message in messages:
            await connection.send(message if isinstance(message, str) else json.dumps(message))
            await connection.recv()

    return behave


def test_the_result_of_a_command_after_a_login() -> None:
    server = HomeAssistantServer("acc3ss")

    async def answer(connection: ServerConnection, number: int) -> None:
        await server.behave(connection, number)

    with websocket_server_in_a_thread(answer) as url, pytest.raises(ProviderRefused, match="invalid_token") as refused:
        asked(url, token="another")
    assert "another" not in str(refused.value)
    said = saying(
        {"type": "auth_required"},
        {"type": "auth_ok"},
        {"id": 1, "type": "result", "success": True, "result": {"id": "u1"}},
    )
    with websocket_server_in_a_thread(said) as url:
        assert asked(url) == {"id": "u1"}


@for_each_row(
    ("messages", "error"),
    [
        ([{"type": "hello"}], ProviderAnswerInvalid),
        ([[]], ProviderAnswerInvalid),
        (
            [{"type": "auth_required"}, {"type": "auth_ok"}, {"id": 1, "type": "result", "success": False}],
            ProviderAnswerInvalid,
        ),
        (
            [
                {"type": "auth_required"},
                {"type": "auth_ok"},
                {"id": 1, "type": "result", "success": True, "result": []},
            ],
            ProviderAnswerInvalid,
        ),
        ([{"type": "auth_required"}], ProviderUnavailable),
        ([], ProviderUnavailable),
    ],
)
def test_what_does_not_answer_as_it_should(messages: list[object], error: type[ProviderError]) -> None:
    with websocket_server_in_a_thread(saying(*messages)) as url, pytest.raises(error) as raised:
        asked(url)
    assert "acc3ss" not in str(raised.value)


@for_each_row(
    ("url", "policy"),
    [
        ("http://127.0.0.1:9/api", AddressPolicy(allow_private=False)),
        ("https://127.0.0.1:9/api", AddressPolicy(allow_private=False)),
        ("http://home.example.org/api", LOOPBACK),
        ("https://home.example.org/api?query=1", LOOPBACK),
        ("https://169.254.169.254/api", LOOPBACK),
        ("ftp://home.example.org", LOOPBACK),
    ],
)
def test_where_no_token_may_go_nobody_is_asked(url: str, policy: AddressPolicy) -> None:
    with pytest.raises(ProviderUnavailable):
        asked(url, policy=policy)
