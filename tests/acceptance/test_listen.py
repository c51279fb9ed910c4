"""`gateway listen`: a developer hears of each event once, from this gateway and from one far away, whatever ends
meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.services.gateway_process import COMMAND, Installation, Program
from tests.services.github_sender import SOURCE, signed
from tests.services.postgres import free_port
from tests.services.sink_thread import SinkThread
from tests.services.waiting import until

pytestmark = pytest.mark.faults

BODY = b'{"ref": "refs/heads/main",  "pusher": {"name": "\xc3\xa9"}}'


class Here:
    """`gateway listen` on this machine, with somebody who types."""

    def __init__(self, installation: Installation, to: str) -> None:
        command = [COMMAND, "listen", "--source", "github", "--forward-to", to]
        self.log = installation.directory / "here.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=installation.directory,
                env=installation.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Here:
        until(lambda: "Listening" in self.log.read_text(), "it listens")
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()


def receive(installation: Installation, number: int) -> None:
    """One more event from GitHub, with what must not go on."""
    carried = {"Cookie": "session=1", "Authorization": "Bearer abcdefgh", "X-Forwarded-For": "192.0.2.1"}
    answer = installation.request("POST", "/webhooks/github", BODY, signed(BODY, f"delivery-{number}") | carried)
    assert answer.status == 200, answer.body


def numbers(sink: SinkThread, path: str) -> list[str]:
    return [one.header("X-GitHub-Delivery") or "" for one in sink.at(path)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_event_comes_once_and_as_it_came(
    installation: Installation, sink: SinkThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.apply(sources=[SOURCE])
    scopes = ("--scope", "events:read", "--scope", "sources:read")
    key = installation.json("keys", "create", "x", *scopes)["key"]
    monkeypatch.setenv("KEY_OF_A_GATEWAY", key)
    installation.environment["KEY_OF_A_GATEWAY"] = key
    program = installation.run("--workers", "1")
    _require_refusals(installation)
    far = installation.start(
        *("listen", "--gateway", installation.url, "--key-env", "KEY_OF_A_GATEWAY", "--source", "github"),
        *("--forward-to", sink.url("/far"), "--type", "push", "--type", "issues.*", "--json"),
    )
    down = installation.start("listen", "--forward-to", f"http://127.0.0.1:{free_port()}/", "--print", name="down")
    with Here(installation, sink.url("/here")) as here:
        for listener in (far, down):
            listener.wait_for_log("Listening")
        receive(installation, 1)
        for path in ("/far", "/here"):
            [came] = sink.wait_for(1, path)
            assert came.body == BODY
            assert came.header("X-Hub-Signature-256") == signed(BODY, "")["X-Hub-Signature-256"]
            assert came.header("Content-Type") == "application/json"
            assert came.header("gateway-event-type") == "push"
            assert [came.header(name) for name in ("Cookie", "Authorization", "X-Forwarded-For")] == [None] * 3

        _kill_web(installation, program)
        receive(installation, 2)
        far.wait_for_log("Connected again")
        receive(installation, 3)
        for path in ("/far", "/here"):
            sink.wait_for(3, path)
            assert numbers(sink, path) == ["delivery-1", "delivery-2", "delivery-3"]

        here.type("again")
        again = sink.wait_for(4, "/here")[-1]
        assert again.header("X-GitHub-Delivery") == "delivery-3"
        assert again.header("gateway-attempt") == "2"

        down.wait_for_log("nothing listens at 127.0.0.1", times=3)
        assert down.log().count("Start your server") == 1
        assert '"ref": "refs/heads/main"' in down.log()
        for process in (far.process, down.process, here.process):
            process.send_signal(signal.SIGINT)
        assert [process.wait(30) for process in (far.process, down.process, here.process)] == [0, 0, 0]
        assert "3 posted, 3 not answered" in down.log()
        assert len(sink.at("/far")) == 3
        assert '"status": 200' in far.log()
        assert "Traceback" not in far.log() + down.log() + here.log.read_text()


def _require_refusals(installation: Installation) -> None:
    far = ("listen", "--print", "--gateway", installation.url, "--key-env", "KEY_OF_A_GATEWAY")
    assert "did you mean 'github'?" in installation.gateway(*far, "--source", "gihub", code=3)
    assert "did you mean 'push'?" in installation.gateway(*far, "--source", "github", "--type", "pusj", code=3)
    assert "brackets" in installation.gateway(*far, "--type", "a[b", code=1)
    assert "401" in installation.gateway(
        "listen", "--print", "--gateway", installation.url, "--key-env", "HOME", code=1
    )


def _kill_web(installation: Installation, program: Program) -> None:
    before = program.web_workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: set(program.web_workers()) - set(before), "another web process")
    until(installation.is_up, "another web process answers")
