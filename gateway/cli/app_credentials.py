"""`gateway app-credentials`: a tenant's apps at OAuth providers. A table of contents."""

from __future__ import annotations

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options

CHANGES = "gateway.cli.app_credential_changes"
LISTS = "gateway.cli.app_credential_lists"
COMMANDS = {
    "add": LazyCommand(f"{CHANGES}:add", "Take in an app that is registered at a provider."),
    "list": LazyCommand(f"{LISTS}:list_", "List app credentials."),
    "show": LazyCommand(f"{LISTS}:show", "Show app credentials, and what to enter at the provider."),
    "change": LazyCommand(f"{CHANGES}:change", "Change the client id, parameters or scopes."),
    "rotate": LazyCommand(f"{CHANGES}:rotate", "Give app credentials a new secret."),
    "disable": LazyCommand(f"{CHANGES}:disable", "Connect no more accounts."),
    "enable": LazyCommand(f"{CHANGES}:enable", "Connect accounts again."),
    "remove": LazyCommand(f"{CHANGES}:remove", "Forget app credentials and their secrets."),
}


@click.group("app-credentials", cls=LazyGroup, commands_by_name=COMMANDS)
@common_options
def app_credentials() -> None:
    """Apps at OAuth providers: their client ids and secrets."""
