"""The units of systemd: settings and commands that exist, times that fit together, and systemd's own judgement."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.commands import WEB_STOP_SECONDS, WORKER_STOP_SECONDS, assigned, known_variables, program_fault
from tests.services.for_each import for_each
from tests.services.markdown import read

UNITS = ("gateway-web.service", "gateway-worker@.service")


def directives(unit: str) -> Iterator[tuple[str, str]]:
    """The lines of a unit, in order."""
    for line in read(f"deploy/systemd/{unit}").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


@for_each(UNITS, str)
def test_a_unit_runs_what_there_is_with_settings_that_there_are(unit: str) -> None:
    lines = list(directives(unit))
    (run,) = (value.split() for name, value in lines if name == "ExecStart")
    assert run[0].startswith(f"{dict(lines)['WorkingDirectory']}/.venv/bin/")
    assert program_fault(run) is None
    own = " ".join(value for name, value in lines if name == "Environment")
    assert {pair.split("=")[0] for pair in own.split()} <= known_variables()
    assert assigned(read("deploy/systemd/gateway.env")) <= known_variables()


def test_nobody_is_killed_while_it_ends_in_order() -> None:
    given = {unit: int(dict(directives(unit))["TimeoutStopSec"]) for unit in UNITS}
    assert given["gateway-web.service"] > WEB_STOP_SECONDS
    assert given["gateway-worker@.service"] > WORKER_STOP_SECONDS


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing: units are not verified by it")
    for unit in UNITS:
        text = read(f"deploy/systemd/{unit}").replace("/srv/gateway/.venv/bin", str(Path(sys.executable).parent))
        # A template is verified as one of its instances.
        (tmp_path / unit.replace("@", "@1")).write_text(text)
    command = [analyze, "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # Of other units of the machine it may say something, too.
    said = [line for line in verified.stderr.splitlines() if "gateway" in line]
    assert (verified.returncode, said) == (0, [])
