"""The page of all commands, made of what the commands say themselves: `python -m gateway.cli.reference`.

Prints Markdown; a contract test holds `docs/reference/commands.md` against it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from gateway.cli.main import gateway

COMMON = frozenset({"--tenant", "--json", "--help"})

PREFACE = """\
# Commands

Made by `python -m gateway.cli.reference > docs/reference/commands.md`: change the command, not this page.

`gateway` is in `.venv/bin`, and also there as `flask --app app gateway`. It reads the same settings as the server, and
works on the database directly: whoever can run it is an administrator.

Every command takes these, before or after its name, unless it says otherwise:

| option | |
| --- | --- |
| `--tenant SLUG` | whose data; else `default` |
| `--json` | JSON on standard output; lists are `{"data": […], "next_cursor": …}` |
| `-h`, `--help` | what is on this page |

On a terminal, lists are tables. In a pipe every row is one line of tab-separated columns, in the same order, without a
header. Remarks go to standard error, and so do errors: a line `Error: …`, or with `--json` an object
`{"error": {"code": …, "message": …, "faults": [{"field": …, "code": …, "message": …}]}}`.

A name in a filter that is nothing's is an error, with the name that was probably meant: a source that there is not, or
a type that one or two letters make another one.

A time is an age such as `90s`, `30m`, `1h30m` or `7d`, or a date such as `2026-05-01T12:00`, UTC unless it says
otherwise. A duration is written like an age.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | refused or failed; what to do is on standard error |
| 2 | wrong usage or wrong settings; `apply --plan --exit-code`: there are changes |
| 3 | what was named does not exist |
| 4 | the database cannot be used now, or needs an upgrade |
| 5 | `explain`: refused, and the cause is a guess |
"""


def page() -> str:
    """The page, ending in a newline."""
    context = click.Context(gateway, info_name="gateway")
    return PREFACE + "".join(section for path, command in _commands(context) for section in _sections(path, command))


def _commands(context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Every group and command below the context's, with its full name, in the order of the help."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{context.command_path} {name}"
        yield path, command
        if isinstance(command, click.Group):
            yield from _commands(click.Context(command, info_name=name, parent=context))


def _sections(path: str, command: click.Command) -> Iterator[str]:
    parts = path.split()
    yield f"\n{'##' if len(parts) == 2 else '###'} {path}\n"
    if command.help:
        yield f"\n{_text(command.help)}\n"
    if isinstance(command, click.Group):
        return
    context = click.Context(command, info_name=path)
    yield f"\n```\n{path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    options = [option for option in command.params if isinstance(option, click.Option)]
    rows = [_row(option, context) for option in options if not COMMON & set(option.opts)]
    if rows:
        yield "\n| option | |\n| --- | --- |\n" + "\n".join(rows) + "\n"
    missing = [name for name in ("--tenant", "--json") if not any(name in option.opts for option in options)]
    if missing:
        yield f"\nTakes no {' and no '.join(f'`{name}`' for name in missing)}.\n"


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, text = (" ".join(part.split()).replace("|", "\\|") for part in record)
    return f"| `{names}` | {text} |"


def _text(help_text: str) -> str:
    """A command's help as Markdown: paragraphs that keep their lines (click's `\\b`) become code."""
    paragraphs = inspect.cleandoc(help_text).split("\n\n")
    return "\n\n".join(
        "```\n" + text.removeprefix("\b\n") + "\n```" if text.startswith("\b") else text for text in paragraphs
    )


if __name__ == "__main__":
    click.echo(page(), nl=False)
