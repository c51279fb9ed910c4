"""A small contacts system to try synchronising with: JSON over HTTP, in memory, with nothing but Python.

    python examples/contacts/server.py --port 8900 --token secret

It behaves as such systems do: pages by a cursor, `updated_after`, an ETag for each contact and `If-Match` for writes,
archived contacts that stay listed, and `external_ref`, by which a contact that was made can be found. `/outage` makes
it answer 503 for a while, so that one can watch what happens then.
"""

from __future__ import annotations

import argparse
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MEMBERS = ("name", "email", "phone", "company", "stage", "external_ref")
REQUIRED = ("name", "email")


Answer = tuple[int, Any]
"""A status and a document."""


@dataclass
class Contacts:
    """The contacts, by id. Safe from any thread."""

    token: str
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    left_outages: int = 0
    writes: list[tuple[str, str]] = field(default_factory=list)

    def add(self, **members: Any) -> dict[str, Any]:
        """A new contact."""
        with self.lock:
            contact = {"id": str(len(self.by_id) + 1), "archived": False, "stage": "L", "version": 0, **members}
            self.by_id[contact["id"]] = contact
            return self.touch(contact)

    def touch(self, contact: dict[str, Any]) -> dict[str, Any]:
        """It changed."""
        contact["version"] += 1
        contact["updated_at"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        contact["etag"] = f'"{contact["id"]}-{contact["version"]}"'
        return contact


class Handler(BaseHTTPRequestHandler):
    """One request. The contacts are the server's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    contacts: Contacts

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.contacts.lock:
            status, document = self.judge(body)
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 (the library's names)

    def judge(self, body: bytes) -> Answer:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.headers.get("Authorization") != f"Bearer {self.contacts.token}":
            return said(401, "unknown_token", "who are you?")
        head, _, contact_id = parts.path.strip("/").partition("/")
        if head == "outage":
            self.contacts.left_outages = int(query.get("times", 20))
            return 204, None
        if self.contacts.left_outages > 0:
            self.contacts.left_outages -= 1
            return said(503, "down", "back soon")
        if head != "contacts":
            return said(404, "no_such_path", "there is /contacts")
        if self.command == "GET":
            return self.read_one(contact_id) if contact_id else self.read_list(query)
        self.contacts.writes.append((self.command, contact_id))
        given = json.loads(body)["contact"] if body else {}
        return self.change(contact_id, given) if contact_id else self.create(given)

    def read_list(self, query: dict[str, str]) -> Answer:
        after, limit = int(query.get("after", 0)), min(int(query.get("limit", 100)), 100)
        since = datetime.fromisoformat(query.get("updated_after", "1970-01-01T00:00:00Z"))
        found = [
            one
            for one in self.contacts.by_id.values()
            if int(one["id"]) > after
            and datetime.fromisoformat(one["updated_at"]) >= since
            and one.get("external_ref") == query.get("external_ref", one.get("external_ref"))
        ]
        page = found[:limit]
        return 200, {"data": page, "next": page[-1]["id"] if len(found) > limit else None}

    def read_one(self, contact_id: str) -> Answer:
        contact = self.contacts.by_id.get(contact_id)
        return said(404, "not_found", "there is no such contact") if contact is None else (200, {"contact": contact})

    def create(self, given: dict[str, Any]) -> Answer:
        missing = [name for name in REQUIRED if not given.get(name)]
        if missing or given.keys() - set(MEMBERS):
            return said(422, "invalid", f"a contact has {', '.join(MEMBERS)}, and needs {', '.join(REQUIRED)}")
        return 201, {"contact": self.contacts.add(**given)}

    def change(self, contact_id: str, given: dict[str, Any]) -> Answer:
        contact = self.contacts.by_id.get(contact_id)
        if contact is None or (contact["archived"] and self.command == "PATCH"):
            return said(404, "not_found", "there is no such contact")
        if given.keys() - set(MEMBERS):
            return said(422, "invalid", f"a contact has {', '.join(MEMBERS)}")
        if self.headers.get("If-Match") not in (None, "*", contact["etag"]):
            return said(412, "stale", "it changed meanwhile")
        contact.update({"archived": True} if self.command == "DELETE" else given)
        return 200, {"contact": self.contacts.touch(contact)}


def said(status: int, code: str, message: str) -> Answer:
    """An error."""
    return status, {"error": {"code": code, "message": message}}


def server(contacts: Contacts, port: int = 0) -> ThreadingHTTPServer:
    """A server of these contacts, on loopback; `serve_forever` runs it."""
    handler = type("ContactsHandler", (Handler,), {"contacts": contacts})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A small contacts system.")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--token", default="secret")
    arguments = parser.parse_args()
    some = Contacts(arguments.token)
    some.add(name="Ada Lovelace", email="ada@example.com", company={"name": "Analytical Engines"})
    some.add(name="Grace Hopper", email="grace@example.com", phone="+1 555 0100", stage="C")
    running = server(some, arguments.port)
    print(f"contacts at http://127.0.0.1:{running.server_port}/contacts", flush=True)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        pass
