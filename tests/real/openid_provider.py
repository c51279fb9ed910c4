"""A certified OpenID Provider of one's own: its process, and a person who logs in and agrees."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.services.postgres import free_port
from tests.services.waiting import until

SCRIPT = Path(__file__).with_name("openid_provider.mjs")
START_SECONDS = 30.0
MAX_STEPS = 12
_ACTION = re.compile(r'<form[^>]* action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="(\w+)"')
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class OpenIdProvider:
    """`issuer` is where it is. `folder` holds the package, `clients` are its registered ones."""

    def __init__(self, folder: str, clients: Sequence[Mapping[str, Any]], log: Path) -> None:
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self._log = log
        self._command = ["node", str(SCRIPT), folder, str(port), json.dumps(clients)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(lambda: "ready" in self._log.read_text(), self._log.read_text, timeout_seconds=START_SECONDS)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_in(self, url: str, callback: str, login: str = "ada") -> str:
        """Where the browser is sent after `login` logged in and agreed at `url`: the callback with its query."""
        with requests.Session() as browser:
            answer = browser.get(url, allow_redirects=False, timeout=10)
            for _ in range(MAX_STEPS):
                location = answer.headers.get("Location", "")
                if location.startswith(callback):
                    return location
                if location:
                    answer = browser.get(urljoin(answer.url, location), allow_redirects=False, timeout=10)
                    continue
                answer = self._submit(browser, answer, login)
        raise AssertionError(f"no way back: {answer.status_code} {answer.text[:500]}")

    def enter_code(self, address: str, login: str = "ada") -> None:
        """A person opens the address of a device's code, confirms it, logs in and agrees."""
        with requests.Session() as browser:
            answer = browser.get(address, timeout=10)
            for _ in range(MAX_STEPS):
                if _ACTION.search(answer.text) is None:
                    return
                answer = self._submit(browser, answer, login, allow_redirects=True)
        raise AssertionError("there is always another form")

    def _submit(
        self, browser: requests.Session, answer: requests.Response, login: str, *, allow_redirects: bool = False
    ) -> requests.Response:
        """The form of a page, filled in: a login, a consent, a code that is confirmed."""
        action, prompt = _ACTION.search(answer.text), _PROMPT.search(answer.text)
        assert action is not None, re.sub(r"<style>.*</style>", "", answer.text, flags=re.DOTALL)[:900]
        fields = dict(_HIDDEN.findall(answer.text))
        if prompt is not None and prompt[1] == "login":
            fields |= {"login": login, "password": "any"}
        return browser.post(urljoin(answer.url, action[1]), data=fields, allow_redirects=allow_redirects, timeout=10)
