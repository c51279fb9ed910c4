"""`gateway rejections accept`: from a wrong secret to events, by hand."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from gateway.config import load_settings
from gateway.installation import Installation
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.progress import wait_for_answer
from tests.integration.cli.conftest import CommandLine

RIGHT = "what GitHub signs with"


def post(cli: CommandLine, *keys: str, body: bytes = b'{"order": "4711"}') -> None:
    """Requests that GitHub signs with the right secret, which the gateway does not know yet."""
    signature = "sha256=" + hmac.new(RIGHT.encode(), body, hashlib.sha256).hexdigest()
    with Installation(load_settings(cli.environment)) as installation:
        inbound = inbound_of(installation)
        for key in keys:
            headers = (("X-GitHub-Event", "push"), ("X-GitHub-Delivery", key), ("X-Hub-Signature-256", signature))
            now_us, began = installation.clock.now_us(), installation.clock.monotonic()
            arrival = Arrival("default", "github", "POST", "/", headers, body, "192.0.2.7", f"req_{key}", now_us, began)
            wait_for_answer(inbound.ingest.begin(arrival))
        assert inbound.ingest.rejections.flush(20)


def test_what_came_under_a_wrong_secret_is_taken_in(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    post(cli, "one", "two", "three")
    third, second, _first = (row["id"] for row in cli.json("rejections", "list")["data"])
    refused = cli("rejections", "accept", third, code=1).stdout
    assert "is refused again: signature_mismatch" in refused
    assert f"gateway explain {third}" in refused
    cli("sources", "rotate", "github", "--secret", RIGHT, "--overlap", "0")
    taken = cli("rejections", "accept", third, "--plan").stdout
    assert taken == f"{third} would be taken in\n"
    [line] = cli("rejections", "accept", third).stdout.splitlines()
    event = line.removeprefix(f"{third} is taken in as ")
    assert cli.json("events", "show", event)["request_id"] == "req_three"
    post(cli, "two")
    planned = cli("rejections", "accept", "--source", "github", "--plan").stdout
    assert planned == "1 would be taken in; 1 had come by another way: nothing new is delivered\n"
    asked = cli("rejections", "accept", "--source", "github", code=2)
    assert "Take in 1 of 2 rejections? Nobody can answer here: say so with --yes." in asked.stderr
    assert len(cli.json("events", "list")["data"]) == 2
    done = cli.json("rejections", "accept", "--source", "github", "--yes")
    assert (done["accepted"], done["duplicate"], done["is_plan"]) == (1, 1, False)
    assert len(cli.json("events", "list")["data"]) == len(cli.json("deliveries", "list")["data"]) == 3
    assert cli("rejections", "accept", "--source", "github", "--yes").stdout == "No rejection matches.\n"
    assert cli.rows("rejections", "list")[0][-1].startswith(f"taken in as {event}")
    assert cli("rejections", "accept", second, "--source", "github", code=1).stderr.startswith("Error: give IDs, or")
    actions = {entry["action"] for entry in cli.json("audit", "list")["data"]}
    assert {"rejection.accepted", "rejections.accepted"} <= actions


def test_a_body_is_shown_up_to_a_bound_and_alone_as_a_whole(ready: Callable[[], CommandLine]) -> None:
    cli = ready()
    body = b'{"a": "' + b"x" * 100_000 + b'"}'
    post(cli, "one", body=body)
    [rejection] = cli.json("rejections", "list")["data"]
    shown = cli.json("rejections", "show", rejection["id"])
    assert (len(shown["body"]), shown["kept_body_bytes"]) == (64 * 1024, len(body))
    assert cli("rejections", "show", rejection["id"], "--body").stdout_bytes == body
