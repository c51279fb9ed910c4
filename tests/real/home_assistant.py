"""A Home Assistant of one's own: its configuration, its process, its owner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import requests

from gateway.clients.auth.base import TokenAuth
from gateway.clients.auth.tokens import ExchangedToken
from gateway.clients.client import ApiClient
from gateway.security.ssrf import AddressPolicy
from tests.services.postgres import free_port
from tests.services.waiting import until

HERE = {"allow_http": True, "policy": AddressPolicy(allow_private=True)}
START_SECONDS = 120.0

# A part of its own makes the start last, so that there is something to wait for.
SLOW = """
import asyncio

async def async_setup(hass, config):
    async def wait(event):
        await asyncio.sleep(2)

    hass.bus.async_listen_once("homeassistant_start", wait)
    return True
"""
CONFIGURATION = """
homeassistant: {{name: Home, time_zone: Europe/Berlin, unit_system: metric}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
websocket_api:
config:
auth:
onboarding:
logger: {{default: warning}}
recorder: {{commit_interval: 0}}
history:
logbook:
slow_start:
input_boolean: {{hall: {{name: Hall}}, desk: {{name: Desk}}}}
input_number: {{level: {{min: 0, max: 10, initial: 1}}}}
template:
  - sensor: {{name: Double, state: "{{{{ (states('input_number.level') | float(0)) * 2 }}}}"}}
script:
  answer:
    sequence: [{{variables: {{answer: {{n: 42}}}}}}, {{stop: done, response_variable: answer}}]
"""


class Installation:
    """`url` is where it is. `tokens` gives tokens of its owner that end, by the refresh token of a login."""

    def __init__(self, python: str, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "output.log"
        self._command = [python, "-m", "homeassistant", "--config", str(folder), "--skip-pip"]
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
        part = folder / "custom_components" / "slow_start"
        part.mkdir(parents=True)
        (part / "__init__.py").write_text(SLOW)
        (part / "manifest.json").write_text('{"domain": "slow_start", "name": "Slow", "version": "1.0.0"}')

    def start(self) -> None:
        """Returns when it answers, which is before it has started."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
            )
        until(self._answers, self._log.read_text, timeout_seconds=START_SECONDS)

    def stop(self) -> None:
        """End it as usual."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def onboard(self) -> None:
        """Make the owner, as its first page does."""
        client = f"{self.url}/"
        owner = {"client_id": client, "name": "Ada", "username": "ada", "password": "engine-1843", "language": "en"}
        made = requests.post(f"{self.url}/api/onboarding/users", json=owner, timeout=30)
        made.raise_for_status()
        grant = {"grant_type": "authorization_code", "code": made.json()["auth_code"], "client_id": client}
        login = requests.post(f"{self.url}/auth/token", data=grant, timeout=30)
        login.raise_for_status()
        refresh = {"grant_type": "refresh_token", "refresh_token": login.json()["refresh_token"], "client_id": client}
        self.tokens = ExchangedToken(ApiClient(self.url, **HERE), "/auth/token", fields=refresh)

    def wait_until_started(self) -> None:
        """It answers before that."""
        client = ApiClient(self.url, auth=TokenAuth(self.tokens), **HERE)
        until(lambda: client.json("GET", "/api/config")["state"] == "RUNNING", self._log.read_text)
        client.close()

    def _answers(self) -> bool:
        assert self._process is None or self._process.poll() is None, self._log.read_text()[-4000:]
        try:
            return requests.get(f"{self.url}/api/", timeout=1).status_code == 401
        except requests.RequestException:
            return False
