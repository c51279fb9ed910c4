"""A GraphQL server on loopback: graphql-core behind http.server, with a list, a write, and fields that fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from graphql import build_schema, graphql_sync

SCHEMA = """
type Query { things(first: Int!, after: String): Things!  broken: String  name: String! }
type Mutation { add(name: String!): Thing! }
type Thing { id: ID!  secret: String }
type Things { nodes: [Thing]!  pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean!  endCursor: String }
"""
COUNT = 30
SLOW_FROM = 20
"""A page of as many things takes the server too long: it answers 504."""


class _Root:
    def name(self, info: object) -> str:
        return "acme"

    def broken(self, info: object) -> str:
        raise RuntimeError("the field is broken")

    def add(self, info: object, name: str) -> dict[str, str]:
        return {"id": name}

    def things(self, info: object, first: int, after: str | None = None) -> dict[str, Any]:
        if first >= SLOW_FROM:
            raise TimeoutError
        begin = int(after or 0)
        end = min(begin + first, COUNT)
        nodes = [{"id": str(number)} for number in range(begin, end)]
        return {"nodes": nodes, "pageInfo": {"hasNextPage": end < COUNT, "endCursor": str(end)}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    schema = build_schema(SCHEMA)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = graphql_sync(self.schema, asked["query"], _Root(), None, asked.get("variables"))
        errors = found.errors or []
        status = 504 if any(isinstance(one.original_error, TimeoutError) for one in errors) else 200
        body = json.dumps(found.formatted).encode()
        self.server.statuses.append(status)  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Type", "application/graphql-response+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def graphql_server() -> Iterator[tuple[str, list[int]]]:
    """Its URL, and the statuses that it answered with."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.statuses = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="graphql server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/graphql", server.statuses  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
