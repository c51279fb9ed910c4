"""`gateway apply`: sources, destinations and routes from one YAML file."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json
from gateway.config import read_variable
from gateway.manifest.apply import Applied, apply_plan, make_plan
from gateway.manifest.plan import Change
from gateway.manifest.reading import parse, read_file

CHANGES_PENDING = 2


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Also remove the routes that the file does not have.")
@click.option(
    "--exit-code", is_flag=True, help="With --plan: exit with 2 when there are changes, 0 when there are none."
)
@with_invocation
def apply(invocation: Invocation, file: Path, only_plan: bool, prune: bool, exit_code: bool) -> None:
    """Bring sources, destinations and routes to what FILE says, all of it or nothing.

    Applying the same file again changes nothing. Sources and destinations that the file does not have are left alone,
    and so are routes unless --prune is given. A secret that changes counts at once, the old one for 24 h more.
    """
    manifest, faults = parse(read_file(file), read_variable)
    with invocation.reading() if only_plan else invocation.changing() as acting:
        plan = make_plan(acting, manifest, faults, prune=prune)
        applied = Applied(plan) if only_plan else apply_plan(acting, plan)
    changes = applied.plan.changes
    if invocation.as_json:
        print_json({"changes": changes, "applied": not only_plan, "secrets": applied.new_secrets})
    else:
        for change in changes:
            click.echo(_line(change))
        for name, secret in applied.new_secrets.items():
            click.echo(f"Signing secret of {name}: {secret}")
        if applied.new_secrets:
            note("The secrets are shown this once.")
        note(_conclusion(len(changes), only_plan=only_plan))
    if only_plan and exit_code and changes:
        raise click.exceptions.Exit(CHANGES_PENDING)


def _line(change: Change) -> str:
    what = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.action} {change.kind} {change.name}{what}"


def _conclusion(count: int, *, only_plan: bool) -> str:
    if count == 0:
        return "No changes."
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{changes} planned; nothing was changed." if only_plan else f"{changes} made."
