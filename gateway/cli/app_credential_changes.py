"""`gateway app-credentials add`, `change`, `rotate`, `disable`, `enable` and `remove`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal import app_secrets
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.questions import require_yes
from gateway.errors import InvalidInput
from gateway.kept import KEPT
from gateway.oauth.app_credentials import management as use_cases
from gateway.oauth.app_credentials.app import entry_of
from gateway.oauth.app_credentials.changes import AppChange, NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft, asked_later
from gateway.oauth.app_credentials.removal import removable_app, remove_app
from gateway.oauth.app_credentials.schema import AppSchema
from gateway.oauth.app_credentials.search import show_app
from gateway.oauth.app_credentials.summary import AppSummary
from gateway.providers import find_by_any_name

Command = TypeVar("Command", bound=Callable[..., object])

_PARAMETER = click.option(
    "--param", "parameters", type=Pair("="), multiple=True, metavar="K=V", help="What the provider's entry asks for."
)
_SCOPE = click.option(
    "--scope", "scopes", multiple=True, metavar="S", help="Ask for this by default; else for what the entry says."
)


def _secret_options(command: Command) -> Command:
    options = (
        click.option(
            "--client-secret", metavar="SECRET", help="The secret; - reads it. Better is --client-secret-env."
        ),
        click.option("--client-secret-env", metavar="VAR", help="The variable that holds the secret."),
        click.option("--private-key-env", metavar="VAR", help="The variable with the key, where apps sign."),
        click.option(
            "--private-key-file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="The file with the key: PEM, or a JWK; - reads it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.option("--provider", required=True, metavar="P", help="Where the app is registered: an id of the catalogue.")
@click.option("--client-id", metavar="ID", help="As the provider shows it with the app.")
@_secret_options
@_PARAMETER
@_SCOPE
@with_invocation
def add(
    invocation: Invocation,
    name: str,
    provider: str,
    client_id: str | None,
    client_secret: str | None,
    client_secret_env: str | None,
    private_key_env: str | None,
    private_key_file: Path | None,
    parameters: tuple[tuple[str, str], ...],
    scopes: tuple[str, ...],
) -> None:
    """Take in an app that is registered at a provider, under a NAME of your own.

    Asks for the secret on a terminal when it is not given. Prints the redirect URI to register with the app.
    """
    entry = find_by_any_name(invocation.installation.catalogue, provider)
    key = app_secrets.private_key(private_key_env, private_key_file)
    has_secret = entry.oauth is not None and entry.oauth.client.has_secret
    draft = AppDraft(
        name=name,
        provider=provider,
        client_id=client_id or "",
        client_secret=app_secrets.client_secret(client_secret, client_secret_env, asks=has_secret and key is None),
        private_key=key,
        parameters=dict(parameters),
        scopes=scopes or None,
    )
    with invocation.changing() as acting:
        added = use_cases.add_app(acting, draft)
    if invocation.as_json:
        print_json(AppSchema().dump(added))
        return
    click.echo(f"Added the app credentials {added.name} for {entry.name}.")
    if added.redirect_uri is not None:
        click.echo(f"Redirect URI to register with the app: {added.redirect_uri}")
    _, oauth = entry_of(invocation.installation, added.provider)
    later = asked_later(oauth, added.parameters)
    if later:
        asked = "; ".join(f"{name} ({oauth.parameters[name].about})" for name in later)
        note(f"Whoever connects an account has to say: {asked}.")
    note(f"Next: gateway app-credentials show {added.name} says what to enter at {entry.name}")
    if "authorization_code" in oauth.grants:
        note(f"Then: gateway connect {added.name}")


@click.command()
@click.argument("name")
@click.option("--client-id", metavar="ID", help="Another client id; while no account is connected.")
@_PARAMETER
@_SCOPE
@click.option("--default-scopes", is_flag=True, help="Ask for what the entry says.")
@with_invocation
def change(
    invocation: Invocation,
    name: str,
    client_id: str | None,
    parameters: tuple[tuple[str, str], ...],
    scopes: tuple[str, ...],
    default_scopes: bool,
) -> None:
    """Change app credentials. What is not given stays; an empty V takes a parameter away.

    Accounts that are connected keep the scopes that they were connected with.
    """
    if scopes and default_scopes:
        raise InvalidInput("give one of --scope and --default-scopes")
    wanted = AppChange(
        client_id=KEPT if client_id is None else client_id,
        parameters=dict(parameters) if parameters else KEPT,
        scopes=scopes or (None if default_scopes else KEPT),
    )
    if wanted == AppChange():
        raise InvalidInput("nothing is to be changed: give --client-id, --param, --scope or --default-scopes")
    with invocation.changing() as acting:
        changed = use_cases.change_app(acting, name, wanted)
    _say(invocation, changed, f"Changed the app credentials {changed.name}.")


@click.command()
@click.argument("name")
@_secret_options
@with_invocation
def rotate(
    invocation: Invocation,
    name: str,
    client_secret: str | None,
    client_secret_env: str | None,
    private_key_env: str | None,
    private_key_file: Path | None,
) -> None:
    """Give app credentials a new secret; the old one is forgotten.

    Make it at the provider first, and end the old one there afterwards: connections go on all the time.
    """
    with invocation.reading() as acting:
        show_app(acting, name)
    key = app_secrets.private_key(private_key_env, private_key_file)
    secret = app_secrets.client_secret(client_secret, client_secret_env, asks=key is None)
    with invocation.changing() as acting:
        rotated = use_cases.rotate_app(acting, name, NewSecrets(secret, key))
    _say(invocation, rotated, f"The new secret of {rotated.name} counts at once.")


@click.command()
@click.argument("name")
@with_invocation
def disable(invocation: Invocation, name: str) -> None:
    """Connect no more accounts; those that are connected go on."""
    with invocation.changing() as acting:
        changed = use_cases.disable_app(acting, name)
    undo = f"gateway app-credentials enable {changed.name}"
    _say(invocation, changed, f"{changed.name} is disabled: no account is connected with it. Undo: {undo}")


@click.command()
@click.argument("name")
@with_invocation
def enable(invocation: Invocation, name: str) -> None:
    """Connect accounts again."""
    with invocation.changing() as acting:
        changed = use_cases.enable_app(acting, name)
    _say(invocation, changed, f"Accounts are connected with {changed.name} again.")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@with_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> None:
    """Forget app credentials with their secrets, for good. Asks first.

    Refused while connections were made with them. Nothing is ended at the provider.
    """
    with invocation.reading() as acting:
        found = removable_app(acting, name)
    require_yes(f"Forget the app credentials {found.name} with their secrets, for good?", yes=yes)
    with invocation.changing() as acting:
        remove_app(acting, found.id)
    if invocation.as_json:
        print_json({"removed": found.name})
        return
    click.echo(f"Removed the app credentials {found.name}.")
    note("The app is still registered at its provider: remove it there, too, if nobody needs it.")


def _say(invocation: Invocation, app: AppSummary, sentence: str) -> None:
    if invocation.as_json:
        print_json(AppSchema().dump(app))
    else:
        click.echo(sentence)
