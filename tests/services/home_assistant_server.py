"""A WebSocket server that keeps to Home Assistant's protocol: login, rising ids, arrays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

LIGHT = {"s": "off", "a": {"brightness": 0, "name": "Hall"}, "c": "01A", "lc": 1760000000.0}


class HomeAssistantServer:
    """`heard` are the commands of each connection, `subscriptions` the ids of the last one by their command."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.state = "RUNNING"
        self.heard: list[list[dict[str, Any]]] = []
        self.subscriptions: dict[str, int] = {}
        self.connection: ServerConnection | None = None
        self.silent: set[str] = set()
        self.logins: list[str] = []
        self._heard_more = asyncio.Condition()

    async def behave(self, connection: ServerConnection, number: int) -> None:
        """One connection."""
        await connection.send(json.dumps({"type": "auth_required", "ha_version": "2026.8.1"}))
        login = json.loads(await connection.recv())
        self.logins.append(login.get("access_token"))
        if login != {"type": "auth", "access_token": self.token}:
            await connection.send(json.dumps({"type": "auth_invalid", "message": "Invalid access token or password"}))
            return
        await connection.send(json.dumps({"type": "auth_ok", "ha_version": "2026.8.1"}))
        self.connection, self.subscriptions = connection, {}
        self.heard.append([])
        try:
            async for text in connection:
                command = json.loads(text)
                self.heard[-1].append(command)
                await self._answer(connection, command)
                async with self._heard_more:
                    self._heard_more.notify_all()
        except ConnectionClosed:
            return

    async def reached(self, condition: Callable[[], bool]) -> None:
        """Returns when commands made `condition` true."""
        async with self._heard_more:
            await self._heard_more.wait_for(condition)

    def kinds(self, connection: int) -> list[str]:
        """The commands that a connection heard, from 0; none while there is no such connection."""
        return [command["type"] for command in self.heard[connection]] if self.heard else []

    async def tell(self, kind: str, *events: Any) -> None:
        """Events of a subscription, in one array."""
        assert self.connection is not None
        number = self.subscriptions[kind]
        messages = [{"id": number, "type": "event", "event": event} for event in events]
        await self.connection.send(json.dumps(messages))

    async def _answer(self, connection: ServerConnection, command: dict[str, Any]) -> None:
        number, kind = command["id"], command["type"]
        if any(one["id"] >= other["id"] for one, other in pairwise(self.heard[-1])):
            await self._refuse(connection, number, "id_reuse")
        elif kind in self.silent:
            return
        elif kind == "ping":
            await connection.send(json.dumps({"id": number, "type": "pong"}))
        elif kind == "call_service" and command["service"] == "explode":
            await self._refuse(connection, number, "home_assistant_error")
        elif kind in {"nonsense", "supported_features"}:
            await self._refuse(connection, number, "unknown_command")
        else:
            await connection.send(json.dumps({"id": number, "type": "result", "success": True} | self._result(command)))
            await self._follow(command)

    def _result(self, command: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = {
            "get_config": {"state": self.state, "version": "2026.8.1"},
            "get_states": [{"entity_id": "light.hall", "state": "off", "attributes": {}, "context": {"id": "01A"}}],
            "call_service": {"context": {"id": "01CALL", "user_id": "u1"}, "response": None},
            "config/device_registry/list": [{"id": "d1", "parent_device_id": "d0"}],
        }
        return {"result": answers.get(command["type"])}

    async def _follow(self, command: dict[str, Any]) -> None:
        kind = command["type"]
        if kind.startswith("subscribe") or kind == "render_template":
            self.subscriptions[kind] = command["id"]
        if kind == "subscribe_entities":
            await self.tell(kind, {"a": {"light.hall": LIGHT}})
        if kind == "render_template":
            await self._render(command)

    async def _render(self, command: dict[str, Any]) -> None:
        """As Home Assistant 2025.4.4: who does not ask for errors never hears of a template that fails."""
        events: list[dict[str, Any]] = [{"result": "on", "listeners": {}}]
        if "/ 0" in command["template"]:
            events = [
                {
                    "error": "Template variable warning: 'x' is undefined when rendering '{{ x / 0 }}'",
                    "level": "WARNING",
                },
                {"error": "ZeroDivisionError: division by zero", "level": "ERROR"},
            ]
        if "error" not in events[0] or command.get("report_errors"):
            await self.tell(command["type"], *events)

    async def _refuse(self, connection: ServerConnection, number: int, code: str) -> None:
        error = {"code": code, "message": f"{code} of {self.token}"}
        await connection.send(json.dumps({"id": number, "type": "result", "success": False, "error": error}))
