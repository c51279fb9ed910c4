"""The tour of the README, by a new user in a fresh directory: nothing but the `gateway` command and HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from standardwebhooks import Webhook

from tests.services.gateway_process import Installation
from tests.services.sink_thread import SinkThread
from tests.services.waiting import until

HANDLERS = """
import json
from pathlib import Path

from gateway.handlers import on


@on("github", "pull_request.*")
def review(event):
    text = json.dumps({"id": event.id, "type": event.type, "action": event.json["action"], "source": event.source})
    Path("reviewed.json").write_text(text)
"""


def test_the_tour(tmp_path: Path, sink: SinkThread) -> None:
    directory = tmp_path / "fresh"
    directory.mkdir()
    (directory / "shop_handlers.py").write_text(HANDLERS)
    variables = {"GATEWAY_HANDLERS": "shop_handlers", "PYTHONPATH": _also(directory)}
    with Installation(directory, **variables) as installation:
        program = installation.run("--workers", "1")
        _look_at_the_operations(installation)
        assert "Added the source github" in installation.gateway(
            "sources", "add", "github", "--provider", "github", "--generate-secret"
        )
        secret = installation.json("destinations", "add", "app", sink.url())["secret"]
        installation.gateway("routes", "add", "--source", "github", "--to", "app")
        installation.wait_for_configuration()
        assert "200 OK" in installation.gateway("send", "github", "push")

        (first,) = sink.wait_for(1)
        _require_signature(first.headers, first.body, secret)
        (event,) = installation.json("events", "list")["data"]
        assert (event["source"], event["type"]) == ("github", "push")
        shown = until(lambda: _delivered(installation, event["id"]), "the attempt is recorded")
        assert shown["body"].encode() == first.body
        assert [attempt["outcome"] for attempt in shown["deliveries"][0]["attempts"]] == ["delivered"]
        assert first.header("gateway-event-id") == event["id"]

        assert "due again" in installation.gateway("events", "replay", event["id"], "--all", "--yes")
        again = sink.wait_for(2)[1]
        assert again.header("webhook-id") == first.header("webhook-id")
        assert (again.body, again.header("gateway-attempt")) == (first.body, "2")
        _require_signature(again.headers, again.body, secret)

        installation.gateway("send", "github", "pull_request")
        reviewed = directory / "reviewed.json"
        until(lambda: reviewed.exists() and reviewed.read_text(), "the handler ran")
        assert json.loads(reviewed.read_text())["source"] == "github"
        _look_at_what_came(installation)
        _plan(installation, sink)
        program.terminate()
        assert program.wait() == 0, program.log()
        assert "Traceback" not in program.log()


def _also(directory: Path) -> str:
    """The directory on the path, before what stands there already."""
    return f"{directory}:{Path(__file__).parents[2]}"


def _require_signature(headers: list[tuple[str, str]], body: bytes, secret: str) -> None:
    """As the receiver's own library judges it (https://www.standardwebhooks.com)."""
    assert base64.b64decode(secret.removeprefix("whsec_"))
    Webhook(secret).verify(body, {name.lower(): value for name, value in headers})


def _delivered(installation: Installation, event_id: str) -> dict[str, object] | None:
    shown: dict[str, object] = installation.json("events", "show", event_id)
    return shown if shown["status"] == "delivered" else None


def _look_at_the_operations(installation: Installation) -> None:
    assert installation.get("/healthz").json() == {"status": "ok"}
    assert installation.get("/readyz").json()["status"] == "ok"
    assert b"gateway_queue_depth" in installation.get("/metrics").body


def _look_at_what_came(installation: Installation) -> None:
    states = {
        one["destination"]: one["state"]
        for one in until(
            lambda: installation.json("deliveries", "list", "--state", "delivered")["data"], "deliveries are listed"
        )
    }
    assert states["app"] == "delivered"
    assert installation.request("POST", "/webhooks/github", b"{}").json()["error"]["code"] == "signature_missing"
    (rejection,) = until(lambda: installation.json("rejections", "list")["data"], "the rejection is kept")
    assert rejection["reason"] == "signature_missing"
    received = [line for line in installation.get("/metrics").body.decode().splitlines() if "received_total{" in line]
    assert received == [
        'gateway_received_total{provider="github"} 2.0',
        'gateway_source_received_total{source="github"} 2.0',
    ]


def _plan(installation: Installation, sink: SinkThread) -> None:
    path = installation.directory / "gateway.yaml"
    path.write_text(f"destinations:\n  - name: second\n    url: {sink.url('/second')}\n")
    assert "create destination second" in installation.gateway("apply", str(path), "--plan")
    assert [one["name"] for one in installation.json("destinations", "list")["data"]].count("second") == 0
    installation.gateway("apply", str(path))
    assert installation.json("apply", str(path), "--plan")["changes"] == []
