"""What the web server takes of gunicorn, httptools and uvloop: public names, with the signatures it was written for."""

from __future__ import annotations

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import httptools
import pytest
import uvloop
from gunicorn import sock
from gunicorn.arbiter import Arbiter
from gunicorn.config import KNOWN_SETTINGS, Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from gateway.server.host import versions
from gateway.server.host.worker import LoopWorker

ROOT = Path(__file__).parents[2]
HOST = sorted((ROOT / "gateway" / "server" / "host").glob("*.py"))
LIBRARIES = {"gunicorn", "httptools", "uvloop"}

# As the library has them, by where they are used.
NAMES = {
    "gateway.server.host.framing": {"httptools"},
    "gateway.server.host.worker": {
        "gunicorn.arbiter.Arbiter",
        "gunicorn.sock",
        "gunicorn.workers.base.Worker",
        "uvloop",
    },
    "gunicorn.conf": {"gunicorn.glogging.Logger"},
}
SIGNATURES = {
    Worker.__init__: "(self, age, ppid, sockets, app, timeout, cfg, log)",
    Worker.init_process: "(self)",
    Worker.init_signals: "(self)",
    Worker.load_wsgi: "(self)",
    Worker.notify: "(self)",
    Worker.run: "(self)",
    Worker.handle_exit: "(self, sig, frame)",
    Worker.handle_quit: "(self, sig, frame)",
    Worker.handle_usr1: "(self, sig, frame)",
    Worker.handle_winch: "(self, sig, fname)",
    Worker.handle_abort: "(self, sig, frame)",
    sock.ssl_context: "(conf)",
    Logger.setup: "(self, cfg)",
}
WORKER_SETS = {"age", "alive", "app", "cfg", "log", "max_requests", "ppid", "sockets", "timeout", "tmp"}
SETTINGS = {
    "asgi_lifespan",
    "bind",
    "child_exit",
    "control_socket_disable",
    "forwarder_headers",
    "graceful_timeout",
    "http_parser",
    "keepalive",
    "limit_request_field_size",
    "limit_request_fields",
    "limit_request_line",
    "logger_class",
    "on_exit",
    "on_starting",
    "post_fork",
    "pre_fork",
    "when_ready",
    "worker_class",
    "worker_connections",
    "worker_int",
    "worker_tmp_dir",
}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in LIBRARIES}


def test_these_names_are_used_and_no_others() -> None:
    paths = {f"gateway.server.host.{path.stem}": path for path in HOST} | {"gunicorn.conf": ROOT / "gunicorn.conf.py"}
    assert {name: found for name, path in paths.items() if (found := imported(path))} == NAMES


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_signatures(function: object) -> None:
    assert callable(function)
    assert str(inspect.signature(function)) == SIGNATURES[function]


def test_nothing_private_is_used() -> None:
    """Neither of the libraries' modules nor, by inheritance, of the worker."""
    ours = {name for name in vars(LoopWorker) if name.startswith("_") and not name.startswith("__")}
    assert ours.isdisjoint(dir(Worker)), "a private name of gunicorn's worker is overridden"
    written = "\n".join(path.read_text(encoding="utf-8") for path in HOST)
    assert not re.findall(r"\b(?:httptools|uvloop|sock|Arbiter|Worker|cfg|_parser)\._\w+", written)
    used = set(re.findall(r"self\.(_\w+)", (ROOT / "gateway/server/host/worker.py").read_text(encoding="utf-8")))
    assert used.isdisjoint(dir(Worker))


def test_what_a_worker_has() -> None:
    source = inspect.getsource(Worker.__init__)
    assert {name for name in WORKER_SETS if f"self.{name} =" not in source} == set()
    assert {name.name for name in Worker.SIGNALS} >= {"SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGWINCH", "SIGABRT"}
    assert Arbiter.WORKER_BOOT_ERROR == 3


def test_settings() -> None:
    assert {setting.name for setting in KNOWN_SETTINGS} >= SETTINGS
    assert not Config().is_ssl


def test_what_the_parser_has() -> None:
    parser = httptools.HttpRequestParser(object())
    for name in ("feed_data", "get_http_version", "get_method", "should_keep_alive", "should_upgrade"):
        assert callable(getattr(parser, name))
    assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)
    assert issubclass(httptools.HttpParserUpgrade, Exception)
    assert callable(uvloop.new_event_loop)


def test_the_tested_versions_are_the_pinned_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, tested in versions.TESTED.items():
        assert version(name).startswith(f"{tested}.")
    assert versions.untested() == []
    monkeypatch.setitem(versions.TESTED, "uvloop", "0.1")
    assert versions.untested() == [f"uvloop {version('uvloop')} (tested with 0.1)"]
