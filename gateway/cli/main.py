"""The `gateway` command: a table of contents. Each group of commands is a module of this package.

The same group serves as `flask --app app gateway …`; it reads its own settings either way.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal.lazy import LazyCommand, LazyGroup
from gateway.cli.terminal.options import common_options
from gateway.release import installed_version

if TYPE_CHECKING:
    from flask import Flask

COMMANDS = {
    "run": LazyCommand("gateway.cli.run:run", "Web and worker on this machine; creates the SQLite database."),
    "worker": LazyCommand("gateway.cli.worker:worker", "Make deliveries."),
    "db": LazyCommand("gateway.cli.db:db", "Bring the database to this version; show where it is."),
    "tenants": LazyCommand("gateway.cli.tenants:tenants", "Tenants: make, list, limit, suspend, export, erase."),
    "sources": LazyCommand("gateway.cli.sources:sources", "Inbound endpoints, one per provider account."),
    "destinations": LazyCommand("gateway.cli.destinations:destinations", "Where deliveries go."),
    "routes": LazyCommand("gateway.cli.routes:routes", "Which events go where."),
    "apply": LazyCommand(
        "gateway.cli.apply:apply", "Sources, destinations, routes and app credentials from one YAML file."
    ),
    "export": LazyCommand("gateway.cli.export:export", "The file of what is there, for `gateway apply`."),
    "listen": LazyCommand(
        "gateway.cli.listen:listen", "New events of a gateway, here or elsewhere, to a server that you develop."
    ),
    "events": LazyCommand("gateway.cli.events:events", "What was received: list, show, tail, replay."),
    "deliveries": LazyCommand("gateway.cli.deliveries:deliveries", "What was sent: list, show, retry, cancel."),
    "jobs": LazyCommand("gateway.cli.jobs:jobs", "Work in the background: list, show, cancel, retry."),
    "schedules": LazyCommand(
        "gateway.cli.schedules:schedules", "What makes jobs due again and again: list, pause, resume, run-now."
    ),
    "rejections": LazyCommand("gateway.cli.rejections:rejections", "What was refused, and why."),
    "explain": LazyCommand("gateway.cli.explain:explain", "Why a signature fails, and what to do."),
    "providers": LazyCommand("gateway.cli.providers:providers", "Who can call, how they sign, and how to set them up."),
    "connections": LazyCommand(
        "gateway.cli.connections:connections", "Accounts that were connected, and how they are."
    ),
    "entities": LazyCommand(
        "gateway.cli.entities:entities", "What integrations share with their systems: list, show, set, delete."
    ),
    "conflicts": LazyCommand(
        "gateway.cli.conflicts:conflicts", "What both sides of an entity changed: list, show, resolve."
    ),
    "integrations": LazyCommand(
        "gateway.cli.integrations:integrations", "External systems that are synced: add, activate, take down."
    ),
    "sync-runs": LazyCommand(
        "gateway.cli.sync_runs:sync_runs", "What each sync did, and those that wait for a person: confirm, reject."
    ),
    "quarantine": LazyCommand("gateway.cli.quarantine:quarantine", "Records of systems that could not be taken in."),
    "send": LazyCommand("gateway.cli.send:send", "Sign a sample as the provider would and post it to this gateway."),
    "call": LazyCommand(
        "gateway.cli.call:call", "One request to an API by a connection or a key, with limits, retries and a deadline."
    ),
    "app-credentials": LazyCommand(
        "gateway.cli.app_credentials:app_credentials", "Apps at OAuth providers: their client ids and secrets."
    ),
    "connect-sessions": LazyCommand(
        "gateway.cli.connect_sessions:connect_sessions", "The URLs that were made for customers, and what came of them."
    ),
    "connect": LazyCommand(
        "gateway.cli.connect:connect", "A one-time URL at which an account of a provider is connected."
    ),
    "keys": LazyCommand("gateway.cli.keys:keys", "API keys: make, list, revoke."),
    "audit": LazyCommand("gateway.cli.audit:audit", "Who changed what, when, and from where."),
    "secrets": LazyCommand("gateway.cli.secrets:secrets", "Encryption keys."),
    "purge": LazyCommand("gateway.cli.purge:purge", "Forget what is older than the retention."),
    "doctor": LazyCommand("gateway.cli.doctor:doctor", "Check this installation, with what to do."),
}


@click.group(
    "gateway",
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(installed_version(), prog_name="gateway")
@common_options
def gateway() -> None:
    """Receive webhooks, keep every one, deliver them until they are taken.

    Start with `gateway run`, then `gateway sources add`.
    """


def main() -> None:
    """The console command. As with `python -m`, modules are found in the working directory too: handlers live there."""
    # At the end, so that nothing there takes the place of a library.
    sys.path.append(str(Path.cwd()))
    gateway(prog_name="gateway")


def register(app: Flask) -> None:
    """Add the group to Flask's command line: `flask --app app gateway …`."""
    app.cli.add_command(gateway)


if __name__ == "__main__":
    main()
