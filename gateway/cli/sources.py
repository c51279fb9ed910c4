"""`gateway sources`: inbound endpoints, their secrets and their URLs. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

COMMANDS = {
    "add": LazyCommand("gateway.cli.source_changes:add", "Receive the webhooks of a provider at /webhooks/SLUG."),
    "list": LazyCommand("gateway.cli.source_lists:list_", "List sources."),
    "show": LazyCommand("gateway.cli.source_lists:show", "Show a source, and what to enter at the vendor."),
    "change": LazyCommand("gateway.cli.source_changes:change", "Set options of a source, or refuse replays."),
    "rotate": LazyCommand("gateway.cli.source_changes:rotate", "Give a source a new secret."),
    "disable": LazyCommand("gateway.cli.source_changes:disable", "Refuse a source's requests with 410."),
    "enable": LazyCommand("gateway.cli.source_changes:enable", "Receive again."),
    "remove": LazyCommand("gateway.cli.source_changes:remove", "Forget a source; its events stay."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def sources() -> None:
    """Inbound endpoints, one per provider account."""
