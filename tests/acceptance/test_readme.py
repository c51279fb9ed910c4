"""Chapters of the README and of `docs/tour.md`, typed word for word into terminals, with ports, a database and a broker
of the test's own.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.services.brokers import rabbitmq_url
from tests.services.cookie_browser import CookieBrowser
from tests.services.postgres import create_database, drop_database, free_port, fresh_name
from tests.services.processes import wait_until
from tests.services.terminals import Terminal
from tests.services.tour import (
    CONNECT,
    FIRST_WEBHOOK,
    SEVERAL_MACHINES,
    SYNCHRONISE,
    TOUR,
    Browsed,
    CtrlC,
    Shown,
    Step,
    Typed,
    find,
    matches,
    steps,
)

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR_PAGE = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
# The second begins in the terminals that the first one left running.
STEPS = [*steps(README, FIRST_WEBHOOK), *steps(TOUR_PAGE, TOUR)]
# Several times what the tour takes: the machine may be busy.
COMMAND_SECONDS = 180.0
SHOWN_SECONDS = 180.0
FOREGROUND = 2
# What is typed until it shows something is typed again after this, by somebody who need not keep the machine busy.
AGAIN_SECONDS = 0.5
# What was exported in the second terminal, for the next command there.
EXPORTED = ".exported"


class Reader:
    """Somebody who follows a chapter. `own` is what they have instead of what stands there."""

    def __init__(self, folder: Path, ports: Mapping[str, str]) -> None:
        self._ports = ports
        self.own: dict[str, str] = {}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        environment = inherited | {"GATEWAY_BASE_URL": f"http://127.0.0.1:{ports['8000']}"}
        self._terminals = {number: Terminal(folder, environment) for number in (1, 2, 3)}
        self._last: Typed | None = None
        self._output = ""

    def read(self, chapter: Sequence[Step]) -> None:
        """Do all of it."""
        for step, then in zip(chapter, [*chapter[1:], None], strict=True):
            try:
                self.follow(step, then)
            except AssertionError as fault:
                raise AssertionError(f"{fault}\nat {step}\n{self.screens()}") from fault

    def follow(self, step: Step, then: Step | None) -> None:
        """Do one step, and see what it shows; `then` is the next one."""
        if isinstance(step, CtrlC):
            self._terminals[step.terminal].interrupt(seconds=COMMAND_SECONDS)
        elif isinstance(step, Shown):
            self._look(step)
        elif isinstance(step, Browsed):
            self._browse(step)
        elif step.terminal != FOREGROUND:
            self._terminals[step.terminal].start(self._own(step.script))
        elif step.until:
            assert isinstance(then, Shown)
            wait_until(
                lambda: self._type(step) and matches(self._own(then.text), self._output),
                seconds=SHOWN_SECONDS,
                pause_seconds=AGAIN_SECONDS,
            )
        else:
            self._type(step)

    def close(self) -> None:
        for terminal in self._terminals.values():
            terminal.close()

    def screens(self) -> str:
        """Everything that is shown now."""
        return "\n".join(f"--- terminal {number}\n{one.text()}" for number, one in self._terminals.items())

    def _look(self, step: Shown) -> None:
        expected = self._own(step.text)
        if step.terminal is None:
            assert matches(expected, self._output), f"expected:\n{expected}\n\nshown:\n{self._output}"
        else:
            terminal = self._terminals[step.terminal]
            wait_until(lambda: find(expected, terminal.text()), seconds=SHOWN_SECONDS)

    def _browse(self, step: Browsed) -> None:
        browser = CookieBrowser()
        link = re.findall(r"http\S+", self._output)[-1]
        page = browser.press(browser.open(link), step.button)
        assert page.status == 200, page.text

    def _type(self, step: Typed) -> bool:
        """Type into the second terminal, where activation and exported variables last."""
        script = self._own(step.script)
        code, self._output = self._terminals[step.terminal].run(
            f"[ ! -e {EXPORTED} ] || . ./{EXPORTED}\n{script}\nexport -p > {EXPORTED}", seconds=COMMAND_SECONDS
        )
        assert code == 0, f"{script}\nended with {code}:\n{self._output}"
        # A line that tells how far something is goes before what came of it.
        self._output = re.sub(r"[^\n]*\r\x1b\[K", "", self._output)
        return True

    def _own(self, text: str) -> str:
        """`text` with the ports of this test; `scripts/run` without its installing what is installed."""
        for usual, own in (self._ports | self.own).items():
            text = text.replace(usual, own)
        text = text.replace("scripts/run", f".venv/bin/gateway run --port {self._ports['8000']}")
        text = text.replace("examples/sink.py", f"examples/sink.py --port {self._ports['9000']}")
        return text.replace("oauth_provider.py", f"oauth_provider.py --port {self._ports['9400']}")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    ports = {usual: str(free_port()) for usual in ("8000", "8900", "9000", "9400")}
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    manifest = tmp_path / "examples" / "gateway.yaml"
    manifest.write_text(manifest.read_text().replace("9000", ports["9000"]))
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    reader = Reader(tmp_path, ports)
    yield reader
    reader.close()


def test_the_tour_works_word_for_word(reader: Reader) -> None:
    reader.read(STEPS)


def test_the_chapter_on_several_machines_works_word_for_word(reader: Reader, postgres_server: URL) -> None:
    name = fresh_name("readme")
    with rabbitmq_url() as broker:
        reader.own = {
            "postgresql://gateway:choose-one@127.0.0.1/gateway": create_database(postgres_server, name),
            "amqp://guest:guest@127.0.0.1/": broker,
        }
        try:
            reader.read(list(steps(TOUR_PAGE, SEVERAL_MACHINES)))
        finally:
            reader.close()
            drop_database(postgres_server, name)


def test_the_chapter_on_connecting_works_word_for_word(reader: Reader) -> None:
    # Tokens end sooner than a minute, for whom seconds matter.
    reader.own = {"oauth_provider.py": "oauth_provider.py --token-seconds 4", "sleep 60": "sleep 4"}
    reader.read(list(steps(TOUR_PAGE, CONNECT)))


def test_the_chapter_on_synchronising_works_word_for_word(reader: Reader) -> None:
    reader.read(list(steps(TOUR_PAGE, SYNCHRONISE)))


def test_the_tour_has_every_part() -> None:
    typed = "\n".join(step.script for step in STEPS if isinstance(step, Typed))
    for part in (
        "scripts/run",
        "send github",
        "send stripe",
        "send slack",
        "retry --state dead",
        "GATEWAY_HANDLERS",
        "$API/audit",
    ):
        assert part in typed
    assert "--plan" in typed


def test_the_handler_in_the_tour_is_the_one_of_the_example() -> None:
    shown = TOUR_PAGE.split("```python\n", 1)[1].split("```", 1)[0]
    example = (ROOT / "examples" / "handlers.py").read_text(encoding="utf-8")
    for line in shown.splitlines():
        assert line in example or line.startswith(("from gateway.handlers", "def review")), line
