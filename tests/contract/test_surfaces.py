"""What stands below the doors speaks of no door: errors, faults and hints are data, and every door can word them.

Doors are the command line, and the API and pages to come. The servers' own answers are not looked at here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gateway.cli.main import COMMANDS
from gateway.cli.terminal import entry_words, hints
from tests.contract.test_docs import first_codes
from tests.contract.test_imports import PACKAGE, module_name, tree_of
from tests.services.for_each import for_each

DOORS = {"cli", "api", "dashboard"}
COMMAND = re.compile(rf"\bgateway ({'|'.join(COMMANDS)})\b|(?<![-\w])--[a-z]")


def modules_below() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in DOORS]


def texts(tree: ast.Module) -> Iterator[str]:
    """Every text of a module but for docstrings, joined ones as one with `…` for what is filled in."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {
        id(node.value)
        for holder in ast.walk(tree)
        if isinstance(holder, holders)
        for node in holder.body
        if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            skipped.update(id(part) for part in node.values)
            yield "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


@for_each(modules_below(), module_name)
def test_no_message_below_the_doors_speaks_of_commands(path: Path) -> None:
    assert [text for text in texts(tree_of(path)) if COMMAND.search(text)] == []


def test_messages_of_commands_would_be_seen() -> None:
    tree = ast.parse('"""`gateway run`."""\ndef f(x):\n    raise E(f"see `gateway sources show {x}`", "give --body")\n')
    assert [bool(COMMAND.search(text)) for text in texts(tree)] == [True, True]


@cache
def calls() -> list[tuple[Path, str, ast.Call]]:
    """Every call in the project: where, of what, and how."""
    return [
        (path, ast.unparse(node.func), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
    ]


def constants(name: str, position: int) -> dict[str, Path]:
    """The constant texts that stand at `position` in the calls of `name`, and where."""
    found = {}
    for path, called, node in calls():
        if (
            called.endswith(name)
            and len(node.args) > position
            and isinstance(argument := node.args[position], ast.Constant)
        ):
            found[str(argument.value)] = path
    return found


def hint_actions() -> set[str]:
    """Every action that is hinted at somewhere."""
    refusals = {"accept_replays", "show_source", "enable_source", "show_provider", "examine_installation"}
    return set(constants("Hint", 0)) | set(constants("case.hint", 0)) | refusals


def test_every_hint_has_its_words_at_the_command_line() -> None:
    assert hints.WORDS.keys() | entry_words.PHRASES.keys() == hint_actions()


def test_every_hint_is_documented() -> None:
    assert set(first_codes("errors.md", "Hints")) == hint_actions()


def test_every_code_of_a_fault_is_documented() -> None:
    codes = set(constants("Fault", 1)) | set(constants("InvalidInput.at", 1))
    assert len(codes) > 10
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    assert set(first_codes("errors.md", "Faults")) == codes
