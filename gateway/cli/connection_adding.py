"""`gateway connections add`: an account that is connected without a browser."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gateway.cli.connection_trial import said
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.questions import can_answer
from gateway.cli.terminal.secret_options import from_variable
from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.oauth.adding.draft import BY_APP, BY_KEY, ConnectionDraft, chosen_way
from gateway.oauth.adding.management import add_connection
from gateway.providers import find_provider

_schema = deferred("gateway.oauth.connections.schema")


@click.command()
@click.argument("provider")
@click.option("--way", type=click.Choice([*BY_KEY, *BY_APP]), help="How, where the provider has several ways.")
@click.option("--app-credentials", metavar="NAME", help="For client credentials and service accounts.")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the key, or the password of --username.")
@click.option("--secret", metavar="-", help="`-`: the same, from standard input. Without either it is asked for.")
@click.option(
    "--further-env",
    "further",
    multiple=True,
    type=Pair("="),
    metavar="NAME=VAR",
    help="The variable that holds a further secret of the entry.",
)
@click.option("--username", metavar="NAME", help="The user name, where there is one.")
@click.option(
    "--param", "parameters", multiple=True, type=Pair("="), metavar="K=V", help="What the entry asks for: a shop."
)
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="Instead of those of the app credentials.")
@click.option("--reference", metavar="TEXT", help="What the application calls its customer.")
@click.option("--reconnect", metavar="CONNECTION", help="Give this connection the credentials.")
@click.option("--no-test", is_flag=True, help="Store it without asking the provider whether it works.")
@with_invocation
def add(
    invocation: Invocation,
    provider: str,
    way: str | None,
    app_credentials: str | None,
    secret_env: str | None,
    secret: str | None,
    further: Sequence[tuple[str, str]],
    username: str | None,
    parameters: Sequence[tuple[str, str]],
    scopes: Sequence[str],
    reference: str | None,
    reconnect: str | None,
    no_test: bool,
) -> None:
    """Connect an account of PROVIDER by a key, a password or a service account. It is tried before it is stored.

    \b
    gateway connections add hubspot --secret-env HUBSPOT_TOKEN --reference customer-17
    gateway connections add jira --username me@example.com --secret-env JIRA_KEY --param site=acme
    gateway connections add wix --app-credentials wix --param instance_id=…
    """
    names = {"username": username} if username is not None else {}
    draft = ConnectionDraft(
        provider=provider,
        way=way or ("basic" if username is not None else None),
        app_credentials=app_credentials,
        parameters=dict(parameters),
        scopes=list(scopes) or None,
        reference=reference,
        reconnect=reconnect,
        is_tested=not no_test,
    )
    chosen = chosen_way(find_provider(invocation.installation.catalogue, provider), draft)
    wanted = [one for one in chosen.asks if one.is_secret]
    given = {name: from_variable(variable).strip() for name, variable in further}
    given |= {one.name: _secret(one.name, secret, secret_env) for one in wanted[:1]}
    given |= {one.name: _further(one.name) for one in wanted[1:] if one.name not in given}
    if not wanted and (secret is not None or secret_env is not None):
        raise InvalidInput(f"{chosen.kind} takes no secret")
    added = add_connection(
        invocation.transaction,
        ConnectionDraft(
            provider=draft.provider,
            way=chosen.kind,
            app_credentials=draft.app_credentials,
            values={**names, **given},
            parameters=draft.parameters,
            scopes=draft.scopes,
            reference=draft.reference,
            reconnect=draft.reconnect,
            is_tested=draft.is_tested,
        ),
    )
    if invocation.as_json:
        print_json(_schema.ConnectionSchema().dump(added.connection))
        return
    note(said(added.trial))
    click.echo(added.connection.id)
    note(f"It is {added.connection.state}. Call it: gateway call {added.connection.id} GET /")


def _further(name: str) -> str:
    if not can_answer():
        raise InvalidInput(f"the {name} is missing: give it with --further-env {name}=VAR")
    asked: str = click.prompt(name, hide_input=True, err=True)
    return asked.strip()


def _secret(name: str, plain: str | None, variable: str | None) -> str:
    """The secret as it is given. On the command line itself everybody on the machine would see it."""
    if plain is not None and variable is not None:
        raise InvalidInput("give one of --secret-env and --secret -")
    if variable is not None:
        return from_variable(variable).strip()
    if plain is not None and plain != "-":
        raise InvalidInput("--secret takes `-` only, for standard input: others on this machine see a command line")
    if plain is None and can_answer():
        asked: str = click.prompt(name, hide_input=True, err=True)
        return asked.strip()
    if plain is None:
        raise InvalidInput(f"the {name} is missing: give it with --secret-env VAR, or --secret - on standard input")
    return sys.stdin.read().strip()
