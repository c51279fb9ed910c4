"""Starting quickly: what a command does not need it does not load. In processes of its own, as at a prompt."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = {"flask", "flask_sqlalchemy", "flask_migrate", "alembic", "aiohttp", "gunicorn"}
# What a list in a table can do without, too.
REST = {"marshmallow", "yaml", "prometheus_client", "structlog", "limits", "joserfc", "requests"}

RUN = """
import sys
from gateway.cli.main import gateway
try:
    gateway(sys.argv[1:], prog_name="gateway", standalone_mode=False)
except SystemExit as ended:
    assert not ended.code, ended
print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""


SERVE = """
import sys
import asgi
print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""


@pytest.fixture
def place(_sqlite_template: Path, tmp_path: Path) -> Path:
    """A directory with a database in it, as `gateway run` would leave one."""
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "gateway.db").write_bytes(_sqlite_template.read_bytes())
    return tmp_path


def loaded(place: Path, *arguments: str) -> set[str]:
    """The libraries that a command has loaded at its end."""
    return run(place, RUN, *arguments)


def run(place: Path, code: str, *arguments: str) -> set[str]:
    """The libraries that `code` has loaded at its end, as it says in its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def cpu_seconds(place: Path, *arguments: str) -> float:
    """The least computing time that Python needs for `arguments`: what else the machine does counts little."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments],
            cwd=place,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            timeout=60,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(3))


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("sources", "--help"), ("secrets", "--help")])
def test_help_loads_no_library_but_click(place: Path, arguments: tuple[str, ...]) -> None:
    assert loaded(place, *arguments) & (WEB | REST | {"sqlalchemy", "cryptography"}) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        *(("tenants", "list"), ("sources", "list"), ("destinations", "list"), ("routes", "list")),
        *(("events", "list"), ("deliveries", "list"), ("rejections", "list"), ("db", "current")),
    ],
    ids=" ".join,
)
def test_reading_the_database_loads_neither_the_web_nor_what_a_list_can_do_without(
    place: Path, arguments: tuple[str, ...]
) -> None:
    assert loaded(place, *arguments) & (WEB | REST) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sources", "add", "github", "--provider", "github", "--secret", "x"),
        ("sources", "list", "--json"),
        ("destinations", "add", "app", "https://app.example.com/events"),
        ("providers", "list"),
        ("doctor",),
        ("purge", "--yes"),
    ],
    ids=" ".join,
)
def test_other_commands_load_no_web_either(place: Path, arguments: tuple[str, ...]) -> None:
    assert loaded(place, *arguments) & WEB == set()


# Each of them, or what it brings along, takes megabytes of every web process.
NOT_FOR_SERVING = {
    "aiohttp",
    "requests",
    "urllib3",
    "alembic",
    "flask_migrate",
    "mako",
    "authlib",
}


def test_a_web_process_loads_nothing_that_sends_or_migrates_and_no_other_databases_driver(place: Path) -> None:
    found = run(place, SERVE)
    assert "flask" in found
    assert found & (NOT_FOR_SERVING | {"psycopg", "psycopg_binary"}) == set()


DELIVER = """
import sys
import gateway.cli.worker
import gateway.engines.embedded
from gateway.config import Settings
from gateway.installation import Installation

with Installation(Settings()) as installation:
    assert installation.secret_headers, installation.metrics
print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""


def test_a_worker_loads_neither_the_web_nor_what_reads_catalogue_files(place: Path) -> None:
    # The first process after a change compiles the catalogue.
    run(place, DELIVER)
    found = run(place, DELIVER)
    assert {"aiohttp", "sqlalchemy"} <= found
    assert found & (WEB | REST - {"prometheus_client", "structlog"}) == {"aiohttp"}


def test_flasks_command_line_has_the_migrations(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "db", "current"],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "(head)" in done.stdout


def test_and_they_start_in_time(place: Path) -> None:
    bare = cpu_seconds(place, "-c", "pass")
    # Measured: 3 and 18 times as long as Python itself.
    assert cpu_seconds(place, "-m", "gateway.cli.main", "--help") < 8 * bare
    assert cpu_seconds(place, "-m", "gateway.cli.main", "sources", "list") < 36 * bare
