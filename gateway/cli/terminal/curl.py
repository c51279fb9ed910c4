"""A request as a command of curl. Its body comes by a pipe from the gateway: of any size, and as it was sent."""

from __future__ import annotations

import shlex

from gateway.delivery.repeating import Repeatable


def curl_command(request: Repeatable) -> str:
    """The command. Pure."""
    transformed, raw = f"gateway deliveries show {request.delivery_id}", f"gateway events show {request.event_id}"
    headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in request.headers)
    url = shlex.quote(request.url or "")
    body = transformed if request.is_transformed else raw
    return f"{body} --body | curl -sS -X POST {url} {headers} --data-binary @-"
