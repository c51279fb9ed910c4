"""`gateway secrets generate`: a new encryption key. Needs no installation."""

from __future__ import annotations

import click

from gateway.security.sealing import generate_key


@click.command()
def generate() -> None:
    """Print a new key for GATEWAY_ENCRYPTION_KEYS, and nothing else.

    Put it before the keys in use, separated by a comma: the first one encrypts, every one decrypts.
    """
    click.echo(generate_key())
