"""The `gateway` command as a process, started somewhere: what it finds there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("gateway")
HANDLERS = 'from gateway.handlers import on\n\n\n@on("github")\ndef note(event):\n    """Nothing."""\n'


def doctor(folder: Path) -> str:
    """What `gateway doctor` says in `folder`, in which the module `my_handlers` is asked for."""
    environment = {"PATH": "/usr/bin:/bin", "GATEWAY_HANDLERS": "my_handlers"}
    done = subprocess.run([COMMAND, "doctor"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_handlers_are_found_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "my_handlers.py").write_text(HANDLERS)
    assert "my_handlers:note" in doctor(tmp_path)


def test_a_module_that_is_nowhere_is_named(tmp_path: Path) -> None:
    assert "cannot import my_handlers" in doctor(tmp_path)


def test_a_module_of_the_folder_takes_no_librarys_place(tmp_path: Path) -> None:
    (tmp_path / "my_handlers.py").write_text(HANDLERS)
    (tmp_path / "yaml.py").write_text('raise RuntimeError("not the library")\n')
    assert "my_handlers:note" in doctor(tmp_path)
