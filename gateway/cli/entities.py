"""`gateway entities`: what integrations share with their systems. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

COMMANDS = {
    "list": LazyCommand("gateway.cli.entity_lists:list_", "List entities."),
    "show": LazyCommand("gateway.cli.entity_lists:show", "Show an entity."),
    "history": LazyCommand("gateway.cli.entity_lists:history", "Say who changed what of an entity, from where."),
    "set": LazyCommand("gateway.cli.entity_changes:set_", "Set fields of an entity, here and in its system."),
    "create": LazyCommand("gateway.cli.entity_changes:create", "Make an entity, here and in its system."),
    "delete": LazyCommand("gateway.cli.entity_changes:delete", "Delete an entity, here and in its system."),
    "restore": LazyCommand("gateway.cli.entity_changes:restore", "Bring a deleted entity back."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def entities() -> None:
    """What integrations share with their systems.

    KEY is integration_name:integration_id (home_assistant:light.kitchen), the same with the integration's own name
    before the colon, or an id that begins with ent_.
    """
