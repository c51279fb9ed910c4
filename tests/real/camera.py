"""A camera for ZoneMinder: `python camera.py PORT` answers every request on loopback with a green picture."""

from __future__ import annotations

import sys
import zlib
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A JPEG of 320 by 240, compressed once more.
PICTURE = zlib.decompress(
    b64decode(
        "eNr7f+P/AwYBLzdPNwZGRgYGRiBk+H+bwZlhQV5FT0XKgp6mni2rFuz78P//hzt3gCTxAGgI46otWz5cIkkXGjjAIMjB8IHRgZlR"
        "iYFJkJFZkPH/EQZRsFNRAEhYRABdlAGkmBG7YkFMxbcYeJgZgdYwCzLYMzRwMIyCIQ34/98EALCokIw="
    )
)


class Camera(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The picture."""
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(PICTURE)
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera).serve_forever()
