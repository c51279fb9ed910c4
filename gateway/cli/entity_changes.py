"""`gateway entities set`, `create`, `delete` and `restore`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gateway.cli.entity_lists import key_options, print_entity
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import note
from gateway.entities.comparing import ABSENT
from gateway.entities.editing.draft import EntityDraft, EntityEdit
from gateway.entities.editing.management import create_entity, delete_entity, restore_entity, set_entity
from gateway.entities.editing.values import valued
from gateway.entities.search.finding import EntityKey
from gateway.entities.search.summary import EntitySummary
from gateway.integrations.instances import INSTANCES

FIELDS = click.argument("fields", nargs=-1, type=Pair("="), metavar="FIELD=VALUE…")
USER_DATA = click.option(
    "--user-data",
    multiple=True,
    type=Pair("="),
    metavar="K=V",
    help="Attach this here; it is never sent. K=null takes it off.",
)


@click.command("set")
@key_options
@FIELDS
@USER_DATA
@with_invocation
def set_(
    invocation: Invocation,
    key: str,
    integration: str | None,
    kind: str | None,
    fields: Sequence[tuple[str, str]],
    user_data: Sequence[tuple[str, str]],
) -> None:
    """Set fields of an entity, here and in its system.

    A VALUE is JSON where it is some, else the text as it stands; a field that has a text keeps having one.

    \b
    gateway entities set home_assistant:light.kitchen state=on brightness=120
    gateway entities set crm:42 phone=+41441234567 tags='["a","b"]' notes=null
    """
    if not fields and not user_data:
        raise click.UsageError("say what to set: FIELD=VALUE, or --user-data K=V")
    edit = EntityEdit(typed=dict(fields), user_data=_attached(user_data))
    with invocation.changing() as acting:
        row = set_entity(acting, INSTANCES, EntityKey(key, integration, kind), edit)
    _print(invocation, row)


@click.command()
@click.argument("kind", metavar="KIND")
@FIELDS
@click.option("--integration", required=True, metavar="NAME", help="In the system of this integration.")
@click.option("--name", metavar="TEXT", help="What it is called, where its system takes that beside its fields.")
@click.option("--parent", metavar="KEY", help="The entity that it belongs to.")
@USER_DATA
@with_invocation
def create(
    invocation: Invocation,
    kind: str,
    fields: Sequence[tuple[str, str]],
    integration: str,
    name: str | None,
    parent: str | None,
    user_data: Sequence[tuple[str, str]],
) -> None:
    """Make an entity of KIND, here and in its system.

    \b
    gateway entities create contact --integration crm email=a@example.com phone=1
    """
    draft = EntityDraft(
        integration=integration,
        kind=kind,
        name=name,
        typed=dict(fields),
        user_data=_attached(user_data),
        parent=None if parent is None else EntityKey(parent),
    )
    with invocation.changing() as acting:
        row = create_entity(acting, INSTANCES, draft)
    _print(invocation, row)


@click.command()
@key_options
@with_invocation
def delete(invocation: Invocation, key: str, integration: str | None, kind: str | None) -> None:
    """Delete an entity, here and in its system. It stays as a tombstone, and can come back."""
    with invocation.changing() as acting:
        row = delete_entity(acting, INSTANCES, EntityKey(key, integration, kind))
    _print(invocation, row)


@click.command()
@key_options
@with_invocation
def restore(invocation: Invocation, key: str, integration: str | None, kind: str | None) -> None:
    """Bring a deleted entity back. Where its system has deleted it already, it is made there anew."""
    with invocation.changing() as acting:
        row = restore_entity(acting, INSTANCES, EntityKey(key, integration, kind))
    _print(invocation, row)


def _attached(pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {name: valued(text, ABSENT) for name, text in pairs}


def _print(invocation: Invocation, row: EntitySummary) -> None:
    print_entity(invocation, row)
    if row.unsent and not invocation.as_json:
        note(f"It is sent to {row.integration} as soon as that takes it.")
