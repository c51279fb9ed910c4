"""How a WebSocket of Home Assistant is logged in: a message with a token, after a greeting.

https://developers.home-assistant.io/docs/api/websocket#authentication-phase
"""

from __future__ import annotations

import asyncio

from gateway.clients.auth.base import Auth
from gateway.clients.errors import AuthenticationFailed, FailedCall, ProtocolFault
from gateway.clients.judging import excerpt
from gateway.clients.stripping import strip
from gateway.clients.systems.home_assistant_values import SYSTEM, mapping
from gateway.clients.values import Call
from gateway.clients.websocket.link import Link


class SocketLogin:
    """Takes the token from what `auth` adds to a call: the same credentials serve REST. For one event loop."""

    def __init__(self, auth: Auth, url: str) -> None:
        self._auth = auth
        self._call = Call("GET", url, "/api/websocket")
        self._sent = self._call

    def __repr__(self) -> str:
        return "SocketLogin(…)"

    def secrets(self) -> tuple[str, ...]:
        """What nobody is shown: the token of the last login."""
        return self._auth.secrets(self._sent)

    async def log_in(self, link: Link) -> None:
        """Home Assistant waits 10 seconds for it. Raises `AuthenticationFailed`, `ProtocolFault`; what getting a token
        raises.
        """
        hello = mapping(await link.receive(), "a greeting")
        if hello.get("type") != "auth_required":
            raise ProtocolFault(f"{SYSTEM}: what answers here does not greet as Home Assistant does")
        # A token may come from a file or a server, and its port blocks.
        self._sent = await asyncio.to_thread(self._auth.apply, self._call)
        await link.send({"type": "auth", "access_token": self._token()})
        answer = mapping(await link.receive(), "an answer to the login")
        if answer.get("type") != "auth_ok":
            said = excerpt(str(answer.get("message", "")))
            error = AuthenticationFailed(
                f"{SYSTEM}: the access token is not taken: {said}",
                call=FailedCall(SYSTEM, "WEBSOCKET", "auth", excerpt=said),
            )
            strip(error, self.secrets())
            raise error

    async def renew(self) -> bool:
        """The token was not taken: whether there is another by now."""
        return await asyncio.to_thread(self._auth.refused, self._sent)

    def _token(self) -> str:
        scheme, _, token = (self._sent.header("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthenticationFailed(f"{SYSTEM}: these credentials hold no token: give one, or what gives them")
        return token
