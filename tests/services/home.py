"""A house for tests: a server that speaks Home Assistant's REST and WebSocket APIs, as far as syncing needs them.

Shapes and behaviour are those of Home Assistant 2026.8 (developers.home-assistant.io/docs/api). Lights, switches and
numbers do what their services say; whatever changes tells every socket that is subscribed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "home-token"
AREAS = [{"area_id": "hall", "name": "Hall", "floor_id": None}, {"area_id": "attic", "name": "Attic"}]
DEVICES = [
    {"id": "d1", "name": "Lamp", "name_by_user": "Hall lamp", "manufacturer": "Acme", "area_id": "hall"},
    {"id": "d2", "parent_device_id": "d1"},
]
ENTRIES = [
    {"id": "r1", "entity_id": "light.hall", "device_id": "d1", "platform": "demo", "unique_id": "u1"},
    {"id": "r2", "entity_id": "switch.fan", "device_id": "d2", "platform": "demo", "unique_id": "u2"},
]


class Home:
    """A running house. `calls` are the services that were called, `logins` how often a socket logged in. With
    `refuses_all` each request is answered 503.
    """

    def __init__(self) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.areas, self.devices, self.entries = list(AREAS), list(DEVICES), list(ENTRIES)
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.logins = 0
        self.refuses_all = False
        self.port = 0
        self._contexts = itertools.count(1)
        self._sockets: dict[web.WebSocketResponse, dict[str, int]] = {}
        self._loop = asyncio.new_event_loop()
        for entity_id, state, attributes in (
            ("light.hall", "off", {"friendly_name": "Hall", "brightness": None}),
            ("switch.fan", "on", {"friendly_name": "Fan"}),
            ("sensor.door", "closed", {"friendly_name": "Door", "device_class": "door"}),
            ("number.level", "3", {"friendly_name": "Level", "min": 0, "max": 10}),
        ):
            self._put(entity_id, state, attributes)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change(self, entity_id: str, state: str, **attributes: Any) -> None:
        """Somebody at home does it."""
        self._on_loop(lambda: self._changed(entity_id, state, attributes))

    def remove(self, entity_id: str) -> None:
        """It is taken out."""
        self._on_loop(lambda: self._gone(entity_id))

    def hang_up(self) -> None:
        """All sockets are closed, as by a restart."""

        async def close() -> None:
            for socket in list(self._sockets):
                await socket.close(code=1012)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    def listeners(self) -> int:
        """How many sockets follow the states."""
        return sum("subscribe_entities" in subscriptions for subscriptions in self._sockets.values())

    def _on_loop(self, act: Callable[[], None]) -> None:
        async def acted() -> None:
            act()

        asyncio.run_coroutine_threadsafe(acted(), self._loop).result(10)

    def _put(self, entity_id: str, state: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        context = {"id": f"01CONTEXT{next(self._contexts):08}", "parent_id": None, "user_id": None}
        before = self.states.get(entity_id, {"attributes": {}})
        self.states[entity_id] = {
            "entity_id": entity_id,
            "state": state,
            "attributes": {**before["attributes"], **attributes},
            "last_changed": now,
            "last_updated": now,
            "context": context,
        }
        return self.states[entity_id]

    def _changed(self, entity_id: str, state: str, attributes: Mapping[str, Any]) -> None:
        is_new = entity_id not in self.states
        made = self._put(entity_id, state, attributes)
        if is_new:
            event: dict[str, Any] = {"a": {entity_id: _short(made)}}
        else:
            whole = _short(made)
            event = {"c": {entity_id: {"+": {**whole, "c": whole["c"]["id"]}}}}
        self._tell(event)

    def _gone(self, entity_id: str) -> None:
        del self.states[entity_id]
        self._tell({"r": [entity_id]})

    def _tell(self, event: Mapping[str, Any]) -> None:
        for socket, subscriptions in self._sockets.items():
            if "subscribe_entities" in subscriptions:
                message = {"id": subscriptions["subscribe_entities"], "type": "event", "event": event}
                self._loop.create_task(_send(socket, message))

    def _carry_out(self, domain: str, service: str, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        given = {name: value for name, value in data.items() if name != "entity_id"}
        self.calls.append((domain, service, dict(data)))
        entity_id = str(data.get("entity_id"))
        if entity_id not in self.states:
            return []
        state = self.states[entity_id]["state"]
        match service:
            case "turn_on":
                self._changed(entity_id, "on", given)
            case "turn_off":
                self._changed(entity_id, "off", {"brightness": None} if domain == "light" else {})
            case "set_value":
                # A number that is given as 7.0 is told as 7: the system writes it its own way.
                self._changed(entity_id, f"{given['value']:g}", {})
            case _:
                self._changed(entity_id, state, given)
        return [self.states[entity_id]]

    @contextmanager
    def running(self) -> Iterator[Home]:
        """Serve until the block is left."""
        application = web.Application()
        application.router.add_get("/api/websocket", self._socket)
        application.router.add_route("*", "/api{path:.*}", self._rest)
        runner = web.AppRunner(application, access_log=None)

        async def start() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", self.port)
            await site.start()
            self.port = runner.addresses[0][1]

        async def stop() -> None:
            for socket in list(self._sockets):
                await socket.close()
            await runner.cleanup()

        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_all:
            return web.Response(status=503, text="starting")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="401: Unauthorized")
        match request.method, *request.match_info["path"].split("/")[1:]:
            case "GET", "":
                return web.json_response({"message": "API running."})
            case "GET", "config":
                config = {"location_name": "Home", "version": "2026.8.1", "state": "RUNNING", "components": ["api"]}
                return web.json_response(config)
            case "GET", "states":
                return web.json_response(list(self.states.values()))
            case "GET", "states", entity_id:
                found = self.states.get(entity_id)
                missing = {"message": "Entity not found."}
                return web.json_response(found or missing, status=200 if found else 404)
            case "POST", "services", domain, service:
                return web.json_response(self._carry_out(domain, service, await request.json()))
        return web.json_response({"message": "not found"}, status=404)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_all:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await _send(socket, {"type": "auth_required", "ha_version": "2026.8.1"})
        login = json.loads((await socket.receive()).data)
        if login.get("access_token") != TOKEN:
            await _send(socket, {"type": "auth_invalid", "message": "Invalid access token or password"})
            return socket
        self.logins += 1
        await _send(socket, {"type": "auth_ok", "ha_version": "2026.8.1"})
        self._sockets[socket] = {}
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._command(socket, json.loads(message.data))
        finally:
            self._sockets.pop(socket, None)
        return socket

    async def _command(self, socket: web.WebSocketResponse, command: Mapping[str, Any]) -> None:
        kind, number = command["type"], command["id"]
        if kind == "ping":
            await _send(socket, {"id": number, "type": "pong"})
            return
        results: dict[str, Any] = {
            "get_config": {"state": "RUNNING", "version": "2026.8.1"},
            "get_states": list(self.states.values()),
            "config/area_registry/list": self.areas,
            "config/device_registry/list": self.devices,
            "config/entity_registry/list": self.entries,
        }
        if kind == "supported_features":
            error = {"code": "unknown_command", "message": "Unknown command."}
            await _send(socket, {"id": number, "type": "result", "success": False, "error": error})
            return
        await _send(socket, {"id": number, "type": "result", "success": True, "result": results.get(kind)})
        if kind.startswith("subscribe"):
            self._sockets[socket][kind] = number
        if kind == "subscribe_entities":
            whole = {"a": {name: _short(state) for name, state in self.states.items()}}
            await _send(socket, {"id": number, "type": "event", "event": whole})


def _short(state: Mapping[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(state["last_changed"]).timestamp()
    return {"s": state["state"], "a": state["attributes"], "c": state["context"], "lc": at, "lu": at}


async def _send(socket: web.WebSocketResponse, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_str(json.dumps(message))
