"""The key file, when processes race for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RACER = """
import sys
from pathlib import Path
from gateway.config import Settings
from gateway.security.keyfile import load_keyring, make_key_file
sys.stdin.readline()
make_key_file(Path(sys.argv[1]))
print(load_keyring(Settings(encryption_key_file=Path(sys.argv[1]))))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "instance" / "encryption.key"


def test_racing_processes_end_up_with_one_key(path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    shown = {racer.communicate(timeout=30)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert len(shown) == 1
