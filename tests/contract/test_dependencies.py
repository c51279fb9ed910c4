"""What is imported is declared with a range, what is declared is imported, and the locks are those of the ranges."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contract.test_imports import tree_of

ROOT = Path(__file__).parents[2]
PROJECT: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["project"]["dependencies"])}
# What only those need who ask for it.
OPTIONAL = {
    canonicalize_name(one.name): one
    for extra in PROJECT["project"]["optional-dependencies"].values()
    for one in map(Requirement, extra)
}
GROUPS = PROJECT["dependency-groups"]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt", "requirements-sbom.txt")
OURS = {"gateway", "tests", "benchmarks", "app", "asgi", "wsgi", "_typeshed"}


def of_group(name: str) -> Iterator[Requirement]:
    """What a dependency group asks for, with the groups that it includes."""
    for entry in GROUPS[name]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from of_group(entry["include-group"])


def imported(*folders: str) -> dict[str, str]:
    """The distributions that the modules of `folders` import from, each with one module that does."""
    providers = _distributions()
    found = {}
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for name in _imports(path):
                top = name.partition(".")[0]
                if top not in OURS and top not in sys.stdlib_module_names:
                    found.update(dict.fromkeys(map(canonicalize_name, _holding(name, providers[top])), str(path)))
    return found


def _holding(module: str, distributions: list[str]) -> list[str]:
    """Which of the distributions that share a name have `module`."""
    if len(distributions) == 1:
        return distributions
    path = module.replace(".", "/")
    return [
        name
        for name in distributions
        if any(str(file).startswith((f"{path}/", f"{path}.py")) for file in distribution(name).files or ())
    ]


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def locked(name: str) -> dict[str, Requirement]:
    """The lines of a lock file by the name of what they lock, without the hashes."""
    lines = re.findall(r"^(\w\S*==[^\\#\n]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(one.name): one for one in map(Requirement, lines)}


def version_in(lock: Mapping[str, Requirement], name: str) -> str:
    (exactly,) = lock[name].specifier
    assert exactly.operator == "=="
    return exactly.version


def needed_by(requirements: Iterator[Requirement]) -> set[str]:
    """The names of all that has to be installed for `requirements`, here."""
    needed: set[str] = set()
    # With the extras asked for: what is there already may be asked for again with another one.
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(one, frozenset[str]()) for one in requirements]
    while waiting:
        one, extras = waiting.pop()
        if one.marker is not None and not any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            continue
        name = canonicalize_name(one.name)
        if (key := (name, frozenset(one.extras))) in seen:
            continue
        seen.add(key)
        needed.add(name)
        waiting += [(Requirement(text), key[1]) for text in distribution(name).requires or ()]
    return needed


def test_what_is_imported_is_declared() -> None:
    assert {name: path for name, path in imported("gateway").items() if name not in DECLARED | OPTIONAL} == {}


def test_what_is_declared_is_imported() -> None:
    assert (DECLARED | OPTIONAL).keys() - imported("gateway").keys() == set()


def test_what_tests_and_benchmarks_import_is_declared() -> None:
    for_work = {canonicalize_name(one.name) for one in of_group("dev")} | (DECLARED | OPTIONAL).keys()
    # Of what everything here is tested with, it is the one that knows ranges.
    for_work.add("packaging")
    assert {name: path for name, path in imported("tests", "benchmarks").items() if name not in for_work} == {}


def test_examples_need_nothing_but_the_gateway() -> None:
    assert imported("examples").keys() <= DECLARED.keys()


def test_ranges_have_a_lower_bound() -> None:
    assert [name for name, one in DECLARED.items() if not any(part.operator == ">=" for part in one.specifier)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_agree_with_the_ranges_and_with_each_other(lock: str) -> None:
    lines, all_lines = locked(lock), locked("requirements-dev.txt")
    assert lines
    shared = [name for name in lines if name in all_lines]
    assert [name for name in shared if version_in(lines, name) != version_in(all_lines, name)] == []
    wanted = [*DECLARED.values(), *OPTIONAL.values(), *of_group("dev"), *of_group("build"), *of_group("sbom")]
    for one in wanted:
        name = canonicalize_name(one.name)
        if name in lines:
            assert one.specifier.contains(version_in(lines, name)), f"{lock}: {one}; scripts/lock makes it anew"


def test_locks_hold_what_is_needed_and_nothing_else() -> None:
    for lock, wanted in (
        ("requirements.txt", iter(DECLARED.values())),
        ("requirements-dev.txt", iter([*DECLARED.values(), *of_group("dev"), *of_group("build")])),
        ("requirements-build.txt", of_group("build")),
    ):
        lines = locked(lock)
        here = {name for name, one in lines.items() if one.marker is None or one.marker.evaluate()}
        assert here == needed_by(wanted), f"{lock}: scripts/lock makes it anew"


def test_what_is_locked_is_installed() -> None:
    """Else the tests would speak of other versions than those that serve."""
    lines = locked("requirements-dev.txt")
    here = [name for name, one in lines.items() if one.marker is None or one.marker.evaluate()]
    assert {name: distribution(name).version for name in here} == {name: version_in(lines, name) for name in here}


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_have_hashes_and_name_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"://|--index|--extra-index|--find-links|/home/|/root/|/tmp/", text)
