"""The compiled catalogue says what the YAML files say, and is read only where it is good for them."""

from __future__ import annotations

import dataclasses
import marshal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.providers import Provider, catalogue, load_catalogue, parse_provider
from gateway.providers.compiled import Catalogue, compiled, decode, encode, fingerprint
from gateway.providers.later import Later
from gateway.providers.registry import BUILT_IN
from gateway.providers.webhook import proof

ENTRY = """
name: NAME
category: dev
docs: https://vendor.example/docs
evidence: {level: docs}
webhook:
  schemes:
    - id: token
      method: token
      token: {in: "header:X-Token"}
"""


def said(value: Any) -> Any:
    """`value` with all that is in it, comparable: entries and schemes compare by identity."""
    if isinstance(value, Later):
        return Later, said(value.get())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), [said(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return {key: said(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [said(one) for one in value]
    return type(value), value


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "vendor.yaml").write_text(ENTRY)
    return Reader(tmp_path / "entries", tmp_path / "cache" / "catalogue.marshal")


class Reader:
    """A directory of one entry, its compiled form, and how often the YAML was read."""

    def __init__(self, directory: Path, at: Path) -> None:
        self.entry, self.at, self.parsed = directory / "vendor.yaml", at, 0

    def read(self) -> Catalogue:
        return compiled(self.entry.parent, self._parse, at=self.at)

    def _parse(self) -> Mapping[str, Provider]:
        self.parsed += 1
        return {"vendor": parse_provider("vendor", self.entry.read_text(), origin="vendor.yaml")}


@pytest.fixture(scope="module")
def parsed() -> Mapping[str, Provider]:
    return load_catalogue()


def test_it_is_what_the_yaml_says(parsed: Mapping[str, Provider]) -> None:
    ours = catalogue()
    assert list(ours) == list(parsed)
    assert len(ours) == len(parsed) > 100
    for name, provider in parsed.items():
        is_to_be = said(provider)
        assert said(decode(encode(provider))) == is_to_be, name
        assert said(ours[name]) == is_to_be, name


def test_what_is_derived_from_all_stands_in_it(parsed: Mapping[str, Provider]) -> None:
    ours = catalogue()
    assert isinstance(ours, Catalogue)
    assert ours.proofs == proof.joined(proof.proofs(one.webhook) for one in parsed.values())
    assert ours.shared_secrets == proof.joined(proof.shared_secrets(one.webhook) for one in parsed.values())
    assert ours.proofs != ours.shared_secrets


def test_the_second_reader_needs_no_yaml(reader: Reader) -> None:
    first, second = reader.read(), reader.read()
    assert reader.parsed == 1
    assert said(dict(first)) == said(dict(second))
    assert (first.proofs, first.shared_secrets) == (second.proofs, second.shared_secrets)
    assert second.shared_secrets.headers == {"x-token"}
    assert "vendor" in second
    assert second.get("other") is None
    assert [one.name for one in reader.at.parent.iterdir()] == [reader.at.name]


def test_what_is_not_good_for_the_files_is_not_believed(reader: Reader) -> None:
    reader.read()
    reader.entry.write_text(ENTRY.replace("NAME", "Renamed"))
    assert reader.read()["vendor"].name == "Renamed"
    reader.entry.with_name("another.yaml").write_text(ENTRY)
    reader.read()
    for torn in (b"", reader.at.read_bytes()[:50], b"no marshal", marshal.dumps(7), marshal.dumps(("x",))):
        reader.at.write_bytes(torn)
        assert reader.read()["vendor"].name == "Renamed"
    assert reader.parsed == 8


def test_where_nothing_may_be_written_it_is_read_all_the_same(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.at.parent.write_text("a file")
    assert reader.read()["vendor"].name == "NAME"
    reader.at.parent.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert reader.read()["vendor"].name == "NAME"
    assert not reader.at.parent.exists()


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    digests = set()
    for names in (("a", "b"), ("a", "c"), ("a",)):
        directory = tmp_path / "".join(names)
        directory.mkdir()
        for name in names:
            (directory / f"{name}.yaml").write_text("same")
        digests.add(fingerprint(directory))
    assert len(digests) == 3
    assert fingerprint(BUILT_IN) == fingerprint(BUILT_IN)


def test_an_entry_is_one_object_for_all_threads(reader: Reader) -> None:
    for _ in range(20):
        found, start = reader.read(), threading.Barrier(4)
        made: list[int] = []

        def ask(found: Catalogue = found, made: list[int] = made, start: threading.Barrier = start) -> None:
            start.wait()
            made.append(id(found["vendor"]))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(made)) == 1
