"""Every row of the budget table names a bound, where it stands in code, what moves it, and a test that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import click
import pytest

from gateway.cli.main import gateway
from tests.contract.test_docs import settings_by_variable
from tests.services.markdown import ROOT, codes, read, rows

PARTIES = ("A stranger", "A program with a key", "A noisy source", "A destination", "A provider of accounts")
PAGE = read("docs/reference/limits.md")
HEADINGS = ["what is taken", "bound", "where", "setting", "test"]


def rows_of(party: str = "") -> list[list[str]]:
    return [row for row in rows(PAGE, party) if row != HEADINGS]


ROWS = {f"{party}: {row[0]}": row for party in PARTIES for row in rows_of(party)}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def names_in(body: list[ast.stmt]) -> Iterator[str]:
    """What a module or class defines."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def has_test(path: str, names: list[str]) -> bool:
    body = tree(path).body
    for name in names[:-1]:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == name), [])
    return names[-1] in names_in(body)


def options(command: click.Command = gateway) -> Iterator[str]:
    """Every option of every command."""
    yield from (name for parameter in command.params for name in parameter.opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from options(found)


def test_there_are_rows_for_everybody() -> None:
    assert all(len(rows_of(party)) >= 5 for party in PARTIES)
    assert len(rows_of()) == len(ROWS), "two rows for one thing, or one under an unknown heading"


@pytest.mark.parametrize("title", ROWS)
def test_a_row_has_a_bound_a_place_a_setting_and_a_test(title: str) -> None:
    _what, bound, where, setting, test = ROWS[title]
    assert re.search(r"\d|none|not|as many", bound), "no bound"
    module, *names = codes(where)
    path = module if (ROOT / module).exists() else f"gateway/{module}"
    assert names, "what in the module?"
    assert set(names) <= set(names_in(tree(path).body))
    assert setting == "fixed" or codes(setting)
    assert set(codes(setting)) <= settings_by_variable().keys() | set(options())
    for reference in codes(test):
        file, *path_in_file = reference.split("::")
        assert has_test(file, path_in_file), reference
    assert codes(test)
