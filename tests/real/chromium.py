"""A real Chromium without a window, steered by its DevTools protocol: pages, keys, what screen readers are told."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.services.waiting import until

LONGEST_SECONDS = 20.0
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}


@dataclass(frozen=True)
class Named:
    """A part of a page as assistive technology has it."""

    role: str
    name: str
    is_focused: bool


class Tab:
    """A page, or a frame of another site in one. `errors` are what its console complains of."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._loads = 0
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """What the browser answers."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (message := self._next()).get("id") != self._number:
            pass
        assert "error" not in message, (method, message["error"])
        result: Mapping[str, Any] = message["result"]
        return result

    def look(self, *, width: int = 1000, height: int = 900, scheme: str = "light") -> None:
        """Have this size, in pixels, and prefer this colour scheme."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url: str) -> None:
        """Go to `url`, and wherever that leads."""
        before = self._loads
        self.send("Page.navigate", url=url)
        self._await_load(before)

    def evaluate(self, expression: str) -> Any:
        """The value of `expression`, as if a person had caused it."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        return found["result"].get("value")

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    @property
    def is_wider_than_its_window(self) -> bool:
        return bool(self.evaluate("document.scrollingElement.scrollWidth > innerWidth"))

    def parts(self) -> list[Named]:
        """All that assistive technology is told, in order."""
        found = []
        for node in self.send("Accessibility.getFullAXTree")["nodes"]:
            said = {one["name"]: one["value"].get("value") for one in node.get("properties", ())}
            name, role = node.get("name", {}).get("value", ""), node.get("role", {}).get("value", "")
            if not node.get("ignored"):
                found.append(Named(role, name, bool(said.get("focused"))))
        return found

    def names(self, role: str) -> list[str]:
        """The names of all that is of this role."""
        return [one.name for one in self.parts() if one.role == role]

    def press(self, key: str) -> None:
        """Press one key and release it."""
        code, text = KEYS[key]
        whole = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **whole)
        self.send("Input.dispatchKeyEvent", type="keyUp", **whole)

    def tab_to(self, name: str) -> Named:
        """Press Tab until the focus is on `name`."""
        for _ in range(30):
            self.press("Tab")
            focused = [one for one in self.parts() if one.is_focused and one.role != "RootWebArea"]
            if focused and focused[-1].name == name:
                return focused[-1]
        raise AssertionError(f"no way by keyboard to {name!r}: {self.parts()}")

    def press_through(self, name: str) -> None:
        """Tab to the button `name`, press it, and wait for the page to which it leads."""
        self.tab_to(name)
        before = self._loads
        self.press("Enter")
        self._await_load(before)

    def keep_picture(self, path: Path) -> None:
        """Write what is seen, as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def _await_load(self, before: int) -> None:
        ends_at = time.monotonic() + LONGEST_SECONDS
        while self._loads == before:
            assert time.monotonic() < ends_at, f"no page came: {self.errors}"
            self._next()

    def _next(self) -> Mapping[str, Any]:
        message: Mapping[str, Any] = json.loads(self._socket.recv(timeout=LONGEST_SECONDS))
        method, said = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Log.entryAdded" and _is_complaint(said["entry"]):
            self.errors.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(said["exceptionDetails"]))
        return message


class Chromium:
    """A running one."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/json"

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A new page."""
        target = requests.put(f"{self._address}/new?about:blank", timeout=LONGEST_SECONDS).json()
        with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Tab(socket)

    @contextmanager
    def frame(self, url: str) -> Iterator[Tab]:
        """The frame of another site whose URL begins with `url`."""

        def found() -> list[str]:
            targets = requests.get(f"{self._address}/list", timeout=LONGEST_SECONDS).json()
            return [
                one["webSocketDebuggerUrl"] for one in targets if one["type"] == "iframe" and one["url"].startswith(url)
            ]

        with connect(until(found, f"a frame at {url}")[0], max_size=None) as socket:
            yield Tab(socket)


def _is_complaint(entry: Mapping[str, Any]) -> bool:
    # A page of ours whose status is an error is no fault of it.
    return entry["level"] in {"error", "warning"} and entry["source"] != "network"


@contextmanager
def chromium(program: str, folder: Path, *options: str) -> Iterator[Chromium]:
    """One with a profile of its own, that is gone with the block."""
    told = folder / "DevToolsActivePort"
    command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", *options, "about:blank"]
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: told.exists() and told.read_text().count("\n") > 0, (folder / "output.log").read_text)
        yield Chromium(int(told.read_text().split("\n")[0]))
    finally:
        process.terminate()
        process.wait(LONGEST_SECONDS)
