"""`gateway secrets`: encryption keys."""

from __future__ import annotations

import click

from gateway.cli.terminal.options import common_options
from gateway.security.sealing import generate_key


@click.group()
@common_options
def secrets() -> None:
    """Encryption keys."""


@secrets.command()
def generate() -> None:
    """Print a new key for GATEWAY_ENCRYPTION_KEYS, and nothing else.

    Put it before the keys in use, separated by a comma: the first one encrypts, every one decrypts.
    """
    click.echo(generate_key())
