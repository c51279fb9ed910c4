"""One question to a provider's WebSocket, logged in with a token, as Home Assistant has it:
https://developers.home-assistant.io/docs/api/websocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway.clients.errors import AuthenticationFailed, IntegrationError, ProtocolFault
from gateway.deferred import deferred
from gateway.errors import AddressForbidden
from gateway.oauth.protocol.asking import INVALID_TOKEN
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused, ProviderUnavailable
from gateway.outgoing.caps import PROVIDER
from gateway.outgoing.resolver import Resolver
from gateway.security.loopback import is_loopback
from gateway.security.ssrf import AddressPolicy

if TYPE_CHECKING:
    from gateway.clients.websocket.link import Link
    from gateway.installation import Installation

# They load an event loop and a library for sockets.
_client = deferred("gateway.clients.websocket.client")
_loop_thread = deferred("gateway.clients.loop_thread")


class Sockets(Protocol):
    """Asks providers by WebSocket. Safe from any thread."""

    def ask(self, url: str, *, access_token: str, command: str) -> Mapping[str, Any]:
        """The result of `command`, from the socket at `url`, which begins with https:// or http://.

        Raises `ProviderRefused` for a token that is not taken, `ProviderUnavailable`, `ProviderAnswerInvalid`.
        """
        ...


class ProviderSockets:
    """By a connection for each question, to addresses that the policy allows."""

    def __init__(self, resolver: Resolver, policy: AddressPolicy) -> None:
        self._resolver = resolver
        self._policy = policy

    def ask(self, url: str, *, access_token: str, command: str) -> Mapping[str, Any]:
        """As the port has it."""
        try:
            self._check(url)
            with _loop_thread.LoopThread() as loop:
                result = loop.run(self._asked(url, access_token, command), timeout_seconds=PROVIDER.timeout_seconds)
        except AuthenticationFailed as error:
            raise ProviderRefused(INVALID_TOKEN, "its socket does not take the token") from error
        except ProtocolFault as error:
            raise ProviderAnswerInvalid(f"the provider's socket: {error}") from error
        except (IntegrationError, AddressForbidden) as error:
            raise ProviderUnavailable(f"the provider's socket: {error}") from error
        except ValueError as error:
            # What a URL of a socket cannot be.
            raise ProviderUnavailable(f"the provider's socket is not asked: {error}", was_sent=False) from error
        if not isinstance(result, dict):
            raise ProviderAnswerInvalid("the provider's socket answered, and not with an object")
        return result

    def _check(self, url: str) -> None:
        """Raise unless a token may go there: by TLS, or to this machine where private addresses are allowed."""
        target = self._policy.check_url(url)
        if target.scheme != "https" and not (self._policy.allow_private and is_loopback(target.host)):
            raise ValueError("its URL must begin with https://")

    async def _asked(self, url: str, access_token: str, command: str) -> Any:
        scheme, _, rest = url.partition("://")

        async def log_in(link: Link) -> None:
            _require(await link.receive(), "auth_required")
            await link.send({"type": "auth", "access_token": access_token})
            if _kind(await link.receive()) != "auth_ok":
                raise AuthenticationFailed("the token is not taken")

        client = _client.WebSocketClient(
            f"{'wss' if scheme == 'https' else 'ws'}://{rest}",
            on_open=log_in,
            allow_plain=self._policy.allow_private,
            policy=self._policy,
            resolver=self._resolver,
            connect_seconds=PROVIDER.timeout_seconds,
            max_bytes=PROVIDER.max_bytes,
        )
        async with client:
            await client.send({"id": 1, "type": command})
            async for message in client:
                if _kind(message) == "result" and message.get("id") == 1:
                    return message.get("result") if message.get("success") is True else None
        return None


def sockets_of(installation: Installation) -> ProviderSockets:
    """The one of this process."""
    return installation.part(_make)


def _make(installation: Installation) -> ProviderSockets:
    return ProviderSockets(installation.resolver, installation.policy)


def _kind(message: Any) -> object:
    return message.get("type") if isinstance(message, dict) else None


def _require(message: Any, kind: str) -> None:
    if _kind(message) != kind:
        raise ProtocolFault(f"what answers here does not say {kind!r}")
