"""From an event of production to a test of somebody's application: the files, and the plugin in a pytest of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from gateway.db.database import Database
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_event

BODY = {"action": "opened", "sender": {"login": "ada-l", "email": "ada@lovelace.org"}, "access_token": "abcdef"}

APPLICATION = """
from gateway.handlers import on
seen = []

@on("github", "issues.*")
def opened(event):
    seen.append((event.type, event.json["action"]))
"""
TESTS = """
import hashlib, hmac, sys
import pytest

def test_nothing_is_loaded_before_it_is_asked_for():
    assert not [name for name in sys.modules if name.startswith(("gateway.providers", "sqlalchemy", "flask"))]

def test_captured(captured_event):
    event = captured_event("github.issues.opened")
    digest = hmac.new(event.secret.encode(), event.body, hashlib.sha256).hexdigest()
    assert event.headers["X-Hub-Signature-256"] == "sha256=" + digest
    assert event.json["sender"]["email"] == "person-2@example.com"
    with pytest.raises(Exception, match="github.issues.opened"):
        captured_event("github.nothing")

def test_handler(signed_event, captured_event, fake_gateway):
    fake_gateway.load("application")
    import application
    fake_gateway.deliver(captured_event("github.issues.opened"))
    fake_gateway.deliver(signed_event("github", "issues.closed", body={"action": "closed"}))
    assert application.seen == [("issues.opened", "opened"), ("issues.closed", "closed")]
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_event_becomes_a_test(ready: Callable[[], CommandLine], database: Database, tmp_path: Path) -> None:
    cli = ready()
    event = store_event(database, datetime.now(UTC), type="issues.opened", body=json.dumps(BODY).encode())
    told = cli.json("events", "fixture", event, "--to", "tests/fixtures")["data"]
    assert [one["path"] for one in told] == ["tests/fixtures/github.issues.opened.json"]
    text = (tmp_path / told[0]["path"]).read_text()
    assert [word for word in ("ada", "lovelace", "abcdef") if word in text] == []
    # The same one goes over itself, another one beside it.
    other = store_event(database, datetime.now(UTC), type="issues.opened", body=b"{}")
    cli("events", "fixture", event, other, "--to", "tests/fixtures")
    assert len(list((tmp_path / "tests/fixtures").iterdir())) == 2
    assert "there is no event" in cli("events", "fixture", "evt_x", "--to", "tests/fixtures", code=3).stderr
    binary = store_event(database, datetime.now(UTC), body=b"\xff\xfe")
    assert "cannot be masked" in cli("events", "fixture", binary, "--to", "tests/fixtures", code=1).stderr

    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "tests" / "test_application.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    is_installed = bool(entry_points(group="pytest11", name="gateway"))
    plugin = [] if is_installed else ["-p", "gateway.testing.plugin"]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", *plugin]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
