"""A Celery worker that cannot begin says so in a clear line and with the exit code of `gateway worker`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.security.sealing import generate_key

NOWHERE = "redis://127.0.0.1:1/0"

LATE = """
from gateway.cli.local import local_settings
from gateway.engines.celery_engine.run import run_worker
from gateway.errors import GatewayError
from gateway.installation import Installation

with Installation(local_settings()) as installation:
    try:
        run_worker(installation, handler_processes=1)
    except GatewayError as error:
        print(type(error).__name__, error)
"""


def ended(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {"GATEWAY_BROKER_URL": NOWHERE, "GATEWAY_ENCRYPTION_KEYS": generate_key()}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["-P", "threads"], 1, "with the pool solo and no other"),
        ([], 4, "there is no database"),
    ],
)
def test_of_celerys_own_command_line(tmp_path: Path, options: list[str], code: int, says: str) -> None:
    result = ended(tmp_path, "-m", "celery", "-A", "gateway.celery", "worker", *options)
    assert result.returncode == code, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert says in errors[0]
    assert "Unrecoverable" not in result.stderr


def test_of_what_comes_up_after_our_own_command_has_looked(tmp_path: Path) -> None:
    result = ended(tmp_path, "-c", LATE)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("SchemaBehind there is no database")
    assert "Unrecoverable" not in result.stderr
