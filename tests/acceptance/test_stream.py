"""`/api/v1/events/stream` of a gateway that runs: a listener hears what comes, goes on where a killed web process cut
the stream off, and is let go of in order when the gateway ends.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
from threading import Thread

import pytest

from tests.services.event_stream import EventStreamReader
from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE
from tests.services.waiting import until

pytestmark = pytest.mark.faults


class Listener:
    """Listens in a thread of its own until the stream ends; `was_cut` says that it ended in the middle."""

    def __init__(self, installation: Installation, key: str, last_event_id: str | None = None) -> None:
        self.reader = EventStreamReader()
        self.was_cut = False
        self._connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=60)
        headers = {"Authorization": f"Bearer {key}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._connection.request("GET", "/api/v1/events/stream", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self._thread = Thread(target=self._listen)
        self._thread.start()
        until(lambda: "listening" in self.reader.comments, "the stream begins")

    def wait_for(self, event_id: str) -> None:
        until(lambda: event_id in self.reader.ids, lambda: f"{event_id} among {self.reader.ids}")

    def wait_for_the_end(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive(), "the stream goes on"

    def _listen(self) -> None:
        try:
            while piece := self._answer.read1(65536):
                self.reader.feed(piece)
        except (OSError, http.client.HTTPException):
            self.was_cut = True
        finally:
            self._connection.close()


def send(installation: Installation) -> str:
    """The id of one more event."""
    sent = installation.json("send", "github")
    event_id: str = json.loads(sent["answer"])["event_id"]
    return event_id


def test_a_listener_goes_on_after_a_kill_and_is_let_go_of_in_the_end(installation: Installation) -> None:
    installation.apply(sources=[SOURCE])
    key = installation.json("keys", "create", "listener", "--scope", "events:read")["key"]
    program = installation.run("--workers", "1")
    first = Listener(installation, key)
    heard = send(installation)
    first.wait_for(heard)
    for pid in program.web_workers():
        os.kill(pid, signal.SIGKILL)
    first.wait_for_the_end()
    assert first.was_cut
    assert first.reader.ids == [heard]
    until(installation.is_up, "another web process answers")
    missed = send(installation)
    second = Listener(installation, key, last_event_id=heard)
    second.wait_for(missed)
    live = send(installation)
    second.wait_for(live)
    program.terminate()
    second.wait_for_the_end()
    assert program.wait() == 0, program.log()
    assert not second.was_cut, "the stream was cut off, instead of ending in order"
    # What came shortly before may be told again; nothing is left out, and nothing told twice on one stream.
    assert [one for one in second.reader.ids if one != heard] == [missed, live]
    assert "Traceback" not in program.log()
