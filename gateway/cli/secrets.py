"""`gateway secrets`: encryption keys. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

COMMANDS = {
    "generate": LazyCommand("gateway.cli.new_key:generate", "Print a new key for GATEWAY_ENCRYPTION_KEYS."),
    "rotate": LazyCommand("gateway.cli.key_rotation:rotate", "Seal everything anew with the first key."),
    "list": LazyCommand("gateway.cli.encryption_keys:list_", "List the keys by their ids: which are here and needed."),
    "forget": LazyCommand("gateway.cli.encryption_keys:forget", "Give up a key that is lost for good."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def secrets() -> None:
    """Encryption keys."""
