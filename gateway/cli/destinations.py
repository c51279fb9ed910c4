"""`gateway destinations`: where deliveries go, how fast, and whether they get there. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

COMMANDS = {
    "add": LazyCommand("gateway.cli.destination_changes:add", "Add the HTTP endpoint URL as NAME."),
    "list": LazyCommand("gateway.cli.destination_lists:list_", "List destinations."),
    "show": LazyCommand("gateway.cli.destination_lists:show", "Show a destination, its circuit and its backlog."),
    "change": LazyCommand("gateway.cli.destination_changes:change", "Change what is given of a destination."),
    "test": LazyCommand("gateway.cli.destination_trial:test", "Send one signed test request."),
    "rotate": LazyCommand("gateway.cli.destination_changes:rotate", "Sign with a new secret."),
    "pause": LazyCommand("gateway.cli.destination_changes:pause", "Try nothing for a while; deliveries wait."),
    "disable": LazyCommand("gateway.cli.destination_changes:disable", "Stop delivering; deliveries wait."),
    "enable": LazyCommand("gateway.cli.destination_changes:enable", "Deliver again, at once."),
    "remove": LazyCommand("gateway.cli.destination_changes:remove", "Forget a destination."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def destinations() -> None:
    """Where deliveries go: HTTP endpoints, and the handlers of the application."""
