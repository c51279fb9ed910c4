"""A destination to try things with: prints every delivery that comes, and whether its signature holds.

python examples/sink.py                     answers 200 at http://127.0.0.1:9000/
python examples/sink.py --secret whsec_…    answers 401 to what is not signed with this secret
python examples/sink.py --status 500        fails
"""

from __future__ import annotations

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY_BYTES = 16 * 1024 * 1024


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
        try:
            Webhook(self.secret).verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError as fault:
            return f"refused: {fault}", 401
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
    with ThreadingHTTPServer(("127.0.0.1", given.port), Delivery) as server:
        print(f"waiting for deliveries at http://127.0.0.1:{given.port}/, Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
