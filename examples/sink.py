"""A destination to try things with: prints every delivery that comes, and whether its signature holds.

python examples/sink.py                     answers 200 at http://127.0.0.1:9000/
python examples/sink.py --secret whsec_…    answers 401 to what is not signed with this secret
python examples/sink.py --status 500        fails
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY_BYTES = 16 * 1024 * 1024
TOLERANCE_SECONDS = 300


class Delivery(BaseHTTPRequestHandler):
    """One request of the gateway."""

    protocol_version = "HTTP/1.1"
    secret = ""
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES))
        verdict, status = self._verify(body)
        shown = [self.headers.get(name, "-") for name in ("gateway-event-type", "gateway-source", "webhook-id")]
        print(*shown, f"attempt {self.headers.get('gateway-attempt')}", verdict, status, sep="  ", flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _verify(self, body: bytes) -> tuple[str, int]:
        if not self.secret:
            return "signature not checked", self.status
        # By hand, so that it runs with nothing installed; a library does the same: docs/reference/deliveries.md.
        id_, timestamp, signatures = (
            self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
            return "refused: signed with another secret, or not at all", 401
        if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
            return "refused: signed too long ago, or in the future", 401
        return "signature ok", self.status

    def log_message(self, *_arguments: object) -> None:
        """Quiet: each delivery is printed already."""


def main() -> None:
    """Answer until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A destination that prints what comes.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--secret", default="", help="the destination's signing secret, whsec_…")
    parser.add_argument("--status", type=int, default=200, help="the answer")
    given = parser.parse_args()
    Delivery.secret, Delivery.status = given.secret, given.status
    try:
        server = ThreadingHTTPServer(("127.0.0.1", given.port), Delivery)
    except OSError as error:
        sys.exit(
            f"cannot listen on port {given.port} ({error.strerror}): choose another --port, or stop what listens there"
        )
    with server:
        print(f"waiting for deliveries at http://127.0.0.1:{given.port}/, Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
