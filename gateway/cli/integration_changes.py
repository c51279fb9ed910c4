"""`gateway integrations add`, `update`, `restore` and `remove`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.questions import require_yes
from gateway.cli.terminal.secret_options import from_variable
from gateway.errors import InvalidInput
from gateway.integrations.attributes import from_texts
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.changing import change_integration
from gateway.integrations.management.draft import IntegrationChange, IntegrationDraft
from gateway.integrations.management.removal import removable_integration, remove_integration
from gateway.integrations.management.revisions import restore_revision
from gateway.integrations.registry import registry_of
from gateway.integrations.schema import IntegrationSchema
from gateway.integrations.search import show_integration
from gateway.integrations.summary import IntegrationSummary
from gateway.kept import KEPT
from gateway.strict_yaml import load_strictly

Command = TypeVar("Command", bound=Callable[..., object])
Pairs = Sequence[tuple[str, str]]


def _settings(command: Command) -> Command:
    options = (
        click.option(
            "--set", "settings", type=Pair("="), multiple=True, metavar="K=V", help="A setting that its type asks for."
        ),
        click.option(
            "--secret-env", "secrets", type=Pair("="), multiple=True, metavar="K=VAR", help="A secret, from a variable."
        ),
        click.option("--connection", metavar="ID", help="The connected account that it uses."),
        click.option("--source", metavar="S", help="The source whose webhooks tell what changed."),
        click.option("--schedule", metavar="WHEN", help="How often it syncs: 15m, a cron expression (UTC), or never."),
        click.option(
            "--sync", "options", type=Pair("="), multiple=True, metavar="K=V", help="A sync option: policy=local_wins."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.option("--type", "type_id", required=True, metavar="T", help="Of which type: see `integrations types`.")
@_settings
@with_invocation
def add(
    invocation: Invocation,
    name: str,
    type_id: str,
    settings: Pairs,
    secrets: Pairs,
    connection: str | None,
    source: str | None,
    schedule: str | None,
    options: Pairs,
) -> None:
    """Add an integration under a NAME of your own. It is inactive: nothing is asked of its system yet."""
    type_ = registry_of(invocation.installation).require(type_id)
    draft = IntegrationDraft(
        name=name,
        type=type_id,
        configuration=_without_none(from_texts(type_.attributes, dict(settings))),
        secrets=_secrets(secrets),
        connection=connection,
        source=source,
        sync=_without_none(_options(options)),
        schedule=schedule,
    )
    with invocation.changing() as acting:
        added = add_integration(acting, draft)
    if invocation.as_json:
        print_json(IntegrationSchema().dump(added))
        return
    click.echo(f"Added the integration {added.name} ({type_.label}).")
    note(f"Next: gateway integrations activate {added.name}")


@click.command()
@click.argument("name")
@_settings
@with_invocation
def update(
    invocation: Invocation,
    name: str,
    settings: Pairs,
    secrets: Pairs,
    connection: str | None,
    source: str | None,
    schedule: str | None,
    options: Pairs,
) -> None:
    """Change an integration. What is not given stays; an empty V takes a setting or option away.

    If it is active, the new configuration is tried before it takes the old one's place.
    """
    with invocation.reading() as acting:
        found = show_integration(acting, name)
    attributes = registry_of(invocation.installation).require(found.type).attributes if settings else ()
    change = IntegrationChange(
        configuration=from_texts(attributes, dict(settings)),
        secrets=_secrets(secrets),
        connection=_given(connection),
        source=_given(source),
        sync=_options(options),
        schedule=_given(schedule),
    )
    if change.is_empty:
        raise InvalidInput("nothing is to be changed: give --set, --secret-env, --schedule, …")
    changed = change_integration(invocation.transaction, name, change)
    _say(invocation, changed, f"Changed the integration {changed.name}; it is at revision {changed.revision}.")


@click.command()
@click.argument("name")
@click.argument("revision", type=int)
@with_invocation
def restore(invocation: Invocation, name: str, revision: int) -> None:
    """Give an integration back the configuration that it had at a REVISION. Its secrets stay as they are.

    If it is active, that configuration is tried before.
    """
    restored = restore_revision(invocation.transaction, name, revision)
    _say(invocation, restored, f"{restored.name} is configured as at revision {revision}; now at {restored.revision}.")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@with_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> None:
    """Forget an integration with its secrets and runs, for good. Asks first.

    Refused while it is active, and while entities of it are left.
    """
    with invocation.reading() as acting:
        found = removable_integration(acting, name)
    require_yes(f"Forget the integration {found.name} with its secrets, for good?", yes=yes)
    with invocation.changing() as acting:
        remove_integration(acting, found.id)
    if invocation.as_json:
        print_json({"removed": found.name})
    else:
        click.echo(f"Removed the integration {found.name}.")


def _say(invocation: Invocation, integration: IntegrationSummary, sentence: str) -> None:
    if invocation.as_json:
        print_json(IntegrationSchema().dump(integration))
    else:
        click.echo(sentence)


def _secrets(given: Pairs) -> dict[str, str]:
    return {key: from_variable(variable) for key, variable in given}


def _options(given: Pairs) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, text in given:
        try:
            read[name] = load_strictly(text) if text else None
        except ValueError as error:
            raise InvalidInput.at(f"sync.{name}", "malformed", f"the sync option {name} is {error}") from error
    return read


def _given(text: str | None) -> Any:
    return KEPT if text is None else text or None


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
