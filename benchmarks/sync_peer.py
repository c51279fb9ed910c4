"""A system on loopback with as many contacts as it is asked for, and ways to read them: its own process, so that it
takes nothing from who reads.

`python -m benchmarks.sync_peer` prints its URL. `/contacts?count=…&offset=…` is a page of all of them; with `since`, of
those that changed, which are as many as `changed` says. `PATCH /contacts/…` answers the contact with what was sent,
under the version after the one that `If-Match` names.
"""

from __future__ import annotations

import json
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 500


def record(number: int, version: int = 1) -> dict[str, object]:
    """A contact, of about 300 bytes."""
    return {
        "id": f"c{number:08d}",
        "name": f"Contact {number}",
        "email": f"contact.{number}@customers.example.com",
        "phone": f"+1555{number:07d}",
        "company": f"Company {number % 1000}",
        "tags": ["customer", f"group-{number % 50}"],
        "address": {"street": f"{number} Main Street", "city": "Springfield", "zip": f"{number % 100000:05d}"},
        "score": number % 100 / 2,
        "version": version,
        "updated": number,
    }


@lru_cache(maxsize=512)
def page(count: int, offset: int, version: int) -> bytes:
    """A page of `count` contacts, from `offset` on."""
    numbers = range(offset, min(offset + PAGE, count))
    following = offset + PAGE if offset + PAGE < count else None
    return json.dumps({"records": [record(number, version) for number in numbers], "next": following}).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers on connections that stay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "since" in query:
            body = page(int(query["changed"]), int(query["offset"]), int(query["since"]) + 1)
        else:
            body = page(int(query["count"]), int(query["offset"]), 1)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PATCH(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = int(self.path.rpartition("/c")[2])
        body = json.dumps({**record(number, int(self.headers["If-Match"]) + 1), **sent}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
