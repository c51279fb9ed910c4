"""A system of lamps on loopback: a small REST API with a token, hooks that are registered, and faults when a test says
so. Beside it `lamps`, the integration type that talks to it, and how a process comes to know that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from gateway.clients.auth.base import Bearer
from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteNotFound, ResponseInvalid
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    ExternalResource,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RemotePage,
)
from gateway.integrations.attributes import Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.type import IntegrationType, LiveItem, LiveStream, NamedRecord, Prepared, Seen, SourceEvent
from tests.services.markdown import ROOT

TOKEN = "lamp-token-1"
PAGE = 50


class LampSystem:
    """A running system. `lamps` by id, `hooks` that are registered. `before` is called with method and path of each
    request, and answers it by a status in place of the system's own, where it returns one.
    """

    def __init__(self) -> None:
        self.lamps: dict[str, dict[str, Any]] = {}
        self.hooks: dict[str, str] = {}
        self.token = TOKEN
        self.before: Callable[[str, str], int | None] = lambda _method, _path: None
        self.asked: list[str] = []
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, count: int) -> None:
        """So many lamps, which are off."""
        self.lamps = {f"l{n}": {"id": f"l{n}", "name": f"Lamp {n}", "on": False} for n in range(count)}

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """Status and document of one request that has the token."""
        parts = urlsplit(target)
        path, query = parts.path.strip("/").split("/"), parse_qs(parts.query)
        if path == ["version"]:
            return 200, {"version": "3.2", "lamps": len(self.lamps)}
        if path == ["lamps"]:
            start = int(query.get("from", ["0"])[0])
            found = list(self.lamps.values())[start : start + PAGE]
            return 200, {"lamps": found, "next": start + PAGE if start + PAGE < len(self.lamps) else None}
        if path[0] == "lamps" and path[1] in self.lamps:
            if method == "PUT":
                self.lamps[path[1]] |= body
            return 200, self.lamps[path[1]]
        if path[0] == "hooks":
            return self._hooks(method, path[1:], body)
        return 404, {}

    def _hooks(self, method: str, rest: Sequence[str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            self.hooks[body["id"]] = body["url"]
            return 201, {"id": body["id"]}
        return (204, None) if self.hooks.pop(rest[0], None) else (404, {})


@contextmanager
def lamp_system() -> Iterator[LampSystem]:
    """One that runs inside the block."""
    system = LampSystem()
    thread = threading.Thread(target=system.serve, name="lamps", daemon=True)
    thread.start()
    try:
        yield system
    finally:
        system.close()
        thread.join(10)


class LampList:
    """The lamps as what a sync reads and writes."""

    name = "lamps"
    kind = "lamp"
    abilities = Abilities(is_complete=True, looks_up=True, writes=frozenset({"update"}))
    fields: Mapping[str, FieldRule] = {"on": FieldRule(direction=Direction.BOTH)}
    default_rule = FieldRule()

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        start = 0 if at is None else at["from"]
        while start is not None:
            found = self._client.json("GET", "/lamps", query={"from": start})
            if not isinstance(found.get("lamps"), list):
                raise ResponseInvalid("no list of lamps came")
            start = found["next"]
            yield RemotePage(records=found["lamps"], next=None if start is None else {"from": start})

    def identify(self, raw: Raw) -> str | None:
        return raw.get("id") if isinstance(raw, dict) else None

    def map(self, raw: Raw) -> Mapped:
        return Mapped(
            integration_id=raw["id"],
            name=raw["name"],
            state="on" if raw["on"] else "off",
            attributes={"on": raw["on"]},
        )

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        return {one: self._find(one) for one in ids}

    def find(self, outgoing: Outgoing) -> Raw | None:
        return None

    def create(self, outgoing: Outgoing) -> Raw:
        raise NotImplementedError

    def update(self, outgoing: Outgoing) -> Raw | None:
        return self._client.put("/lamps/{id}", {"id": outgoing.integration_id}, json=dict(outgoing.fields)).document

    def delete(self, outgoing: Outgoing) -> None:
        raise NotImplementedError

    def _find(self, lamp_id: str) -> Raw | None:
        try:
            return self._client.json("GET", "/lamps/{id}", {"id": lamp_id})
        except RemoteNotFound:
            return None


class Lamps(IntegrationType):
    """A type as another package would bring it."""

    id = "lamps"
    label = "Lamps"
    description = "The lamps of a house, for tests."
    attributes = (
        Attribute(key="url", label="URL", kind=AttributeKind.URL, required=True, help="where the lamps answer"),
        Attribute(key="hook", label="Hook", help="the id of a hook that is registered"),
        Attribute(key="depth", label="Depth", kind=AttributeKind.INTEGER, minimum=1, maximum=9, default=3),
        Attribute(key="token", label="Token", kind=AttributeKind.SECRET, required=True),
    )

    def test_connection(self, instance: Instance) -> Seen:
        found = self._client(instance).json("GET", "/version")
        return Seen(f"lamps {found['version']} with {found['lamps']} lamps", {"version": found["version"]})

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        return (LampList(self._client(instance)),)

    def activate(self, instance: Instance, prepared: Prepared) -> None:
        hook = instance.configuration.get("hook")
        if hook is None:
            return
        prepared.keep(hook=hook)
        self._client(instance).json("POST", "/hooks", json={"id": hook, "url": "https://gateway.example.com/hook"})

    def deactivate(self, instance: Instance, prepared: Prepared) -> None:
        hook = prepared.values.get("hook")
        if hook is None:
            return
        try:
            self._client(instance).delete("/hooks/{hook}", {"hook": hook})
        except RemoteNotFound:
            pass
        prepared.keep(hook=None)

    def changes_in(self, event: SourceEvent) -> Sequence[NamedRecord]:
        return [NamedRecord("lamps", str(one)) for one in event.json["changed"]]

    def _client(self, instance: Instance) -> ApiClient:
        return instance.client(instance.configuration["url"], auth=Bearer(instance.secret("token")))


class LiveLamps(Lamps):
    """The same with a live stream: what a test puts into `told`, or `broken`."""

    id = "live_lamps"
    is_live = True
    told: ClassVar[SimpleQueue[Sequence[LiveItem]]] = SimpleQueue()
    broken: ClassVar[list[Exception]] = []
    opened: ClassVar[list[str]] = []

    def open_stream(self, instance: Instance) -> LiveStream:
        self.opened.append(instance.id)
        return _Stream(self)


class _Stream:
    def __init__(self, type_: LiveLamps) -> None:
        self._type = type_

    def receive(self, timeout_seconds: float) -> Sequence[LiveItem]:
        if self._type.broken:
            raise self._type.broken.pop()
        try:
            return self._type.told.get(timeout=min(timeout_seconds, 0.05))
        except Empty:
            return ()

    def close(self) -> None:
        return None


def install_types(folder: Path, types: Mapping[str, str] | None = None) -> str:
    """Have `folder` be a place where a package with integration types is installed, `lamps` unless given; what goes
    into `PYTHONPATH` for a process that is to have them.
    """
    installed = folder / "types_of_tests-1.0.dist-info"
    installed.mkdir(parents=True, exist_ok=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: types-of-tests\nVersion: 1.0\n")
    points = types or {
        "lamps": "tests.services.lamp_system:Lamps",
        "live_lamps": "tests.services.lamp_system:LiveLamps",
    }
    lines = [f"{name} = {value}" for name, value in points.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[gateway.integrations]", *lines, ""]))
    return f"{folder}:{ROOT}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, system: LampSystem) -> None:
        self.system = system
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_arguments: Any) -> None:
        return None

    def _handle(self) -> None:
        system = self.server.system
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        system.asked.append(f"{self.command} {self.path}")
        status = system.before(self.command, self.path)
        document: Any = {}
        if status is None and self.headers.get("Authorization") != f"Bearer {system.token}":
            status = 401
        if status is None:
            status, document = system.answer(self.command, self.path, json.loads(body) if body else None)
        data = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 (named by the library)
