"""Who only receives webhooks pays nothing for how accounts are connected: that section, and its classes, come later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.providers import load_catalogue
from gateway.providers.compiled import compiled
from gateway.providers.registry import BUILT_IN

LOOK = """\
import sys
from pathlib import Path
from gateway.providers.compiled import compiled

catalogue = compiled(Path(sys.argv[1]), dict, at=Path(sys.argv[2]))
loaded = lambda: any(name.startswith("gateway.providers.oauth") for name in sys.modules)
github = catalogue["github"]
print(len(catalogue), github.sends_webhooks, loaded())
print(github.oauth.token.url, loaded(), github.oauth is github.oauth)
"""


def test_the_section_is_made_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    at = tmp_path / "catalogue.marshal"
    count = len(compiled(BUILT_IN, load_catalogue, at=at))
    command = [sys.executable, "-c", LOOK, str(BUILT_IN), str(at)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        f"{count} True False",
        "https://github.com/login/oauth/access_token True True",
    ]
