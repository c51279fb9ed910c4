"""`gateway integrations test`, `activate`, `pause`, `resume` and `deactivate`."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_fields, print_json, printable_lines
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.integrations.lifecycle import management as use_cases
from gateway.integrations.lifecycle.consequences import ALL, SAFE, Consequences, consequences
from gateway.integrations.management.trying import test_integration
from gateway.integrations.results import Result
from gateway.integrations.schema import IntegrationSchema
from gateway.integrations.summary import IntegrationSummary


@click.command()
@click.argument("name")
@with_invocation
def test(invocation: Invocation, name: str) -> None:
    """Ask its system whether an integration works, for five seconds at most; nothing is changed there.

    Exits with 1 when it does not work.
    """
    _tell(invocation, test_integration(invocation.transaction, name), "It works: ", "It does not work: ")


@click.command()
@click.argument("name")
@with_invocation
def activate(invocation: Invocation, name: str) -> None:
    """Test an integration, prepare it, and sync it from then on.

    When a step fails nothing is left behind; exits with 1.
    """
    result = use_cases.activate(invocation.transaction, name)
    _tell(invocation, result, f"{name} is active: ", "It was not activated: ")
    if not invocation.as_json:
        note(f"Its entities come with the first sync: gateway integrations show {name}")


@click.command()
@click.argument("name")
@with_invocation
def pause(invocation: Invocation, name: str) -> None:
    """Sync no more until it is resumed; local edits wait."""
    with invocation.changing() as acting:
        changed = use_cases.pause(acting, name)
    _say(invocation, changed, f"{changed.name} is paused. Undo: gateway integrations resume {changed.name}")


@click.command()
@click.argument("name")
@with_invocation
def resume(invocation: Invocation, name: str) -> None:
    """Sync again, at once and by its schedule; edits that waited are sent."""
    with invocation.changing() as acting:
        changed = use_cases.resume(acting, name)
    _say(invocation, changed, f"{changed.name} syncs again.")


@click.command()
@click.argument("name")
@click.option(
    "--mode",
    type=click.Choice([SAFE, ALL]),
    default=SAFE,
    show_default=True,
    help="Keep entities that carry your own data or edits, or remove all.",
)
@click.option("--force", is_flag=True, help="Go on where what was prepared outside cannot be taken back.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@with_invocation
def deactivate(invocation: Invocation, name: str, mode: str, force: bool, yes: bool) -> None:
    """Take an integration down: stop its syncs, take back what was prepared outside, remove its entities.

    Says first what that removes and keeps, and asks. Its configuration stays.
    """
    with invocation.reading() as acting:
        found = consequences(acting, name, mode)
    if not invocation.as_json:
        _show(invocation, found)
    require_yes(f"Take down {found.integration} and remove {found.removed} entities?", yes=yes)
    with Progress("{} entities") as progress:

        def show(done: int, _total: int | None, line: str | None) -> None:
            progress.show(done, line)

        result = use_cases.deactivate(invocation.transaction, name, mode=mode, force=force, on_progress=show)
    _tell(invocation, result, "", "It was not taken down: ")


def _show(invocation: Invocation, found: Consequences) -> None:
    print_fields(
        [
            ("Integration", f"{found.integration} ({found.state})"),
            ("Entities", found.total),
            ("To be removed", found.removed),
            ("To be kept", found.kept),
            ("With your own data", found.with_user_data),
            ("Edits not sent", found.unsent_edits),
            ("Open conflicts", found.open_conflicts),
            ("In quarantine", found.quarantined),
            ("Taken back outside", list(found.prepared)),
        ],
        now=invocation.now(),
    )


def _tell(invocation: Invocation, result: Result, before: str, before_error: str) -> None:
    if invocation.as_json:
        print_json(result)
    else:
        click.echo(printable_lines(f"{before if result.is_success else before_error}{result.message}"))
    if not result.is_success:
        raise click.exceptions.Exit(FAILED)


def _say(invocation: Invocation, integration: IntegrationSummary, sentence: str) -> None:
    if invocation.as_json:
        print_json(IntegrationSchema().dump(integration))
    else:
        click.echo(sentence)
