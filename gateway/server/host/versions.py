"""Which versions of what it stands on this host was tested with."""

from __future__ import annotations

from importlib.metadata import version

TESTED = {"gunicorn": "27.0", "httptools": "0.9", "uvloop": "0.23"}


def untested() -> list[str]:
    """What is installed in another minor version: names with both versions."""
    installed = {name: version(name) for name in TESTED}
    return [
        f"{name} {installed[name]} (tested with {tested})"
        for name, tested in TESTED.items()
        if installed[name].split(".")[:2] != tested.split(".")
    ]
