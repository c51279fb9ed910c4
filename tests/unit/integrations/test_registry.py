"""Types of other packages are found by their entry points, and a broken one is alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.errors import NotFound
from gateway.integrations.registry import Registry

MODULE = """
from gateway.integrations.type import IntegrationType, Seen

class Lamps(IntegrationType):
    id = "lamps"
    label = "Lamps"
    description = "The lamps of a house."

    def test_connection(self, instance):
        return Seen("lit")

    def resources(self, instance):
        return ()

class Nameless(Lamps):
    id = "nameless"
    label = ""
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """That of a process in which a package with six entry points is installed."""
    (tmp_path / "lamps_of_a_test.py").write_text(MODULE)
    installed = tmp_path / "lamps_of_a_test-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: lamps-of-a-test\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[gateway.integrations]\n"
        "lamps = lamps_of_a_test:Lamps\n"
        "other = lamps_of_a_test:Lamps\n"
        "nameless = lamps_of_a_test:Nameless\n"
        "gone = no_such_module_at_all:Lamps\n"
        "missing = lamps_of_a_test:Torches\n"
        "wrong = pathlib:Path\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lamps_of_a_test", raising=False)
    return Registry()


def test_a_type_of_another_package_is_found(registry: Registry) -> None:
    assert registry.require("lamps").label == "Lamps"
    assert registry.require("lamps") is registry.require("lamps")


def test_broken_ones_are_told_with_their_reasons_and_stop_no_other(registry: Registry) -> None:
    broken = {one.id: one.reason for one in registry.broken()}

    assert "No module named" in broken["gone"]
    assert "Torches" in broken["missing"]
    assert "no class of" in broken["wrong"]
    assert "its entry point's name" in broken["other"]
    assert "no label" in broken["nameless"]
    assert "lamps" in [one.id for one in registry.types()]
    with pytest.raises(NotFound, match="cannot be used"):
        registry.require("gone")


def test_an_unknown_one_is_told_with_what_was_meant(registry: Registry) -> None:
    with pytest.raises(NotFound) as raised:
        registry.require("lamp")

    assert raised.value.hints[0].parameters == {"names": ["lamps"]}
