"""A start that cannot succeed ends at once, with everything that keeps it from succeeding, and makes nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import make_url, text

from gateway.db.database import Database
from gateway.db.schema.version import head
from gateway.preflight import look_at_database
from tests.integration.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]

MODULES = {
    "raises_at_import": "raise RuntimeError('two\\nlines')",
    "leaves_at_import": "import sys\nsys.exit(7)",
    "is_not_python": "def (",
    "is_fine": "import threading\nthreading.Thread(target=threading.Event().wait).start()",
}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings that name handlers and catalogue files that cannot be used."""
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    own = tmp_path / "providers"
    own.mkdir()
    (own / "acme.yaml").write_text("name: [")
    monkeypatch.syspath_prepend(str(tmp_path))
    return {"GATEWAY_HANDLERS": ",".join([*MODULES, "not_there"]), "GATEWAY_PROVIDERS_DIR": str(own)}


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_run_names_everything_at_once_and_makes_nothing(
    cli: CommandLine, broken: dict[str, str], taken_port: str, tmp_path: Path
) -> None:
    nowhere = {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/is_fine.py/gateway.db", "GATEWAY_ENCRYPTION_KEYS": ""}
    # What all tests share may run already.
    before = set(psutil.Process().children())
    refused = cli("run", "--port", taken_port, code=2, **broken, **nowhere)
    for words in (
        "acme.yaml: not YAML",
        "cannot import raises_at_import: RuntimeError: two lines (raises_at_import.py:1)",
        "cannot import leaves_at_import: SystemExit: 7 (leaves_at_import.py:2)",
        "cannot import is_not_python: SyntaxError",
        "cannot import not_there: ModuleNotFoundError: No module named 'not_there'",
        f"modules are looked for in {tmp_path}",
        "choose another --port",
        "is_fine.py is not a folder that can be written to",
    ):
        assert words in refused.stderr, words
    assert all(line.startswith("Error: ") for line in refused.stderr.splitlines())
    assert "import is_fine" not in refused.stderr
    assert not (tmp_path / "instance").exists()
    # What was looked at is neither loaded nor running in the process that looked.
    assert "is_fine" not in sys.modules
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", [("run", "--port", "1"), ("worker",)], ids=lambda command: command[0])
def test_faulty_settings_do_not_hide_faulty_modules(
    cli: CommandLine, broken: dict[str, str], command: tuple[str, ...]
) -> None:
    refused = cli(*command, code=2, **broken, GATEWAY_RETENTION_DAYS="x").stderr
    for words in ("GATEWAY_RETENTION_DAYS", "acme.yaml", "raises_at_import", "not_there"):
        assert words in refused


def test_a_worker_names_everything_at_once(cli: CommandLine, broken: dict[str, str], database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    # Without the one that starts a thread: it would live on in this process.
    wrong = broken | {"GATEWAY_HANDLERS": "raises_at_import,not_there"}
    refused = cli("worker", code=2, **wrong).stderr
    for words in ("acme.yaml", "raises_at_import", "not_there", "gateway db upgrade"):
        assert words in refused
    assert "gateway db upgrade" in cli("worker", code=4).stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_module_that_ends_the_process_is_named(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_all.py").write_text("import os\nos._exit(5)")
    monkeypatch.syspath_prepend(str(tmp_path))
    refused = cli("run", "--port", "1", code=2, GATEWAY_HANDLERS="ends_all").stderr
    assert "importing ends_all ended the process with exit code 5" in refused


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_is_told(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 500)
    for name in ("letter.txt", "folder.db"):
        (tmp_path / "folder.db").mkdir(exist_ok=True)
        url = f"sqlite:///{tmp_path / name}"
        for command in (["run", "--port", "1"], ["worker"]):
            refused = cli(*command, code=4, GATEWAY_DATABASE_URL=url).stderr
            assert "GATEWAY_DATABASE_URL names it" in refused
        assert "the database is not available" in cli("events", "list", code=4, GATEWAY_DATABASE_URL=url).stderr


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_database_that_takes_no_writes_is_told(cli: CommandLine, database: Database, database_url: str) -> None:
    with database.engine.connect() as connection:
        name = make_url(database_url).database
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        connection.commit()
    for command in (["run", "--port", "1"], ["worker"]):
        assert "nothing can be written" in cli(*command, code=4).stderr


def test_a_newer_schema_is_worked_on(cli: CommandLine, database: Database) -> None:
    """As while machines are updated one after another; `db upgrade` leaves it alone, where it knows nothing of it."""
    newer = f"{int(head()) + 1:04d}"
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer})
    assert f"is at {newer}, which is newer" in cli("db", "upgrade").stdout
    assert "newer than this version's" in cli("db", "current").stderr
    assert list(look_at_database(database)) == []
    (found,) = [one for one in cli.doctor()["findings"] if one["check"] == "database"]
    assert (found["level"], newer in found["detail"]) == ("warn", True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_gunicorn_alone_ends_too_instead_of_starting_the_next_one(cli: CommandLine, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", "127.0.0.1:0"]
    ended = subprocess.run(
        [*command, "--workers", "1", "asgi:app"],
        env=cli.environment | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "GATEWAY_HANDLERS": "not_there"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 3
    assert ended.stderr.count("cannot import not_there") == 1
    assert "Traceback" not in ended.stderr
