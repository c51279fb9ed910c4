"""How an entry of the catalogue tells at a command line what to do: the options and commands in its sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.terminal.hints import add_app_command, add_source_command
from gateway.errors import Hint
from gateway.providers import Provider
from gateway.providers.prose.description import adding

PHRASES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "add_app_credentials": lambda parameters: f": `{add_app_command(parameters)}`",
    "add_source": lambda parameters: f": `{add_source_command(parameters)}`",
    "choose_scheme": lambda parameters: f" with `--scheme {parameters['scheme']}`",
    "generate_secret": lambda _parameters: " (`--generate-secret` makes one)",
    "give_credential": lambda parameters: f" (`--credential-env {parameters['kind']}=VAR`)",
    "show_handshake": lambda _parameters: "; `gateway sources show` then says when",
    "show_source": lambda _parameters: " (see `gateway sources show`)",
}


def say(hint: Hint) -> str:
    """What is put into a sentence of `describe`."""
    return PHRASES[hint.action](hint.parameters)


def add_command(provider: Provider) -> str:
    """The command that adds a source of this provider."""
    return add_source_command(adding(provider).parameters)
