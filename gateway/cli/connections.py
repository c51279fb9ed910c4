"""`gateway connections`: accounts that customers connected. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

COMMANDS = {
    "add": LazyCommand("gateway.cli.connection_adding:add", "Connect an account without a browser."),
    "list": LazyCommand("gateway.cli.connection_lists:list_", "List connections."),
    "show": LazyCommand("gateway.cli.connection_lists:show", "Show a connection."),
    "test": LazyCommand("gateway.cli.connection_trial:test", "Ask the provider whether a connection works."),
    "refresh": LazyCommand("gateway.cli.connection_keeping:refresh", "Renew the token of a connection now."),
    "revoke": LazyCommand("gateway.cli.connection_keeping:revoke", "End a connection, here and at the provider."),
    "explain": LazyCommand("gateway.cli.connection_lists:explain", "Say how a connection is, why, and what helps."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def connections() -> None:
    """Accounts at providers that were connected, and how they are."""
