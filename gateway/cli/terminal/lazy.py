"""Click groups whose commands are imported when they are used: `gateway --help` reads no database code."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

import click

from gateway.cli.terminal.failures_as_json import print_failure
from gateway.cli.terminal.options import AS_JSON


class LazyCommand(NamedTuple):
    """Where a command is defined (`module:attribute`) and what its group's help says of it."""

    target: str
    short_help: str


class LazyGroup(click.Group):
    """`commands_by_name` says where the commands are; their order is the order of the help."""

    def __init__(self, *args: Any, commands_by_name: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        module, attribute = lazy.target.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with what may have been meant where there is no such command."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        as_json = "--json" in args
        with _usage_faults(as_json):
            ctx = super().make_context(info_name, args, parent, **extra)
        if as_json:
            # Known before the option is read: what comes before it on the line may be wrong.
            ctx.meta[AS_JSON] = True
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        with _usage_faults(ctx.meta.get(AS_JSON, False)):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short_help) for name, lazy in self._lazy.items()])


@contextmanager
def _usage_faults(as_json: bool) -> Iterator[None]:
    """Wrong usage as JSON, where answers are JSON; else it is click's to tell."""
    try:
        yield
    except click.ClickException as error:
        if not as_json:
            raise
        print_failure("usage", error.format_message())
        raise click.exceptions.Exit(error.exit_code) from error
