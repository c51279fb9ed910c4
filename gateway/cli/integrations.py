"""`gateway integrations`: external systems as a tenant uses them. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

CHANGES = "gateway.cli.integration_changes"
LIFE = "gateway.cli.integration_life"
LISTS = "gateway.cli.integration_lists"
SYNCING = "gateway.cli.integration_syncing"
COMMANDS = {
    "types": LazyCommand(f"{LISTS}:types", "What there are kinds of, and what each asks for."),
    "add": LazyCommand(f"{CHANGES}:add", "Add an integration; nothing is asked of its system yet."),
    "list": LazyCommand(f"{LISTS}:list_", "List integrations."),
    "show": LazyCommand(f"{LISTS}:show", "Show an integration."),
    "update": LazyCommand(f"{CHANGES}:update", "Change one; if it is active, what is new is tried before it counts."),
    "test": LazyCommand(f"{LIFE}:test", "Ask its system whether it works."),
    "activate": LazyCommand(f"{LIFE}:activate", "Test it, prepare it, and sync it from then on."),
    "pause": LazyCommand(f"{LIFE}:pause", "Sync no more until it is resumed."),
    "resume": LazyCommand(f"{LIFE}:resume", "Sync again."),
    "deactivate": LazyCommand(f"{LIFE}:deactivate", "Take it down, and remove its entities."),
    "sync": LazyCommand(f"{SYNCING}:sync", "Sync now, or say what that would do."),
    "health": LazyCommand(f"{SYNCING}:health", "How one is, check by check; without a NAME all of them."),
    "history": LazyCommand(f"{LISTS}:history", "The configurations that it had."),
    "restore": LazyCommand(f"{CHANGES}:restore", "Give it back a configuration that it had."),
    "remove": LazyCommand(f"{CHANGES}:remove", "Forget one that is inactive, with its secrets."),
}


@click.group("integrations", cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def integrations() -> None:
    """External systems that are synced: Home Assistant, a CRM, whatever a type is there for."""
