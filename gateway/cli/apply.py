"""`gateway apply`: sources, destinations and routes from one YAML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json, printable
from gateway.cli.terminal.questions import can_answer, require_yes
from gateway.cli.terminal.trials import trial_lines
from gateway.config import read_variable
from gateway.deferred import deferred
from gateway.errors import Conflict
from gateway.manifest.apply import Applied, apply_plan, make_plan, try_plan
from gateway.manifest.differences import Difference, Shown
from gateway.manifest.outcome import outcome_of
from gateway.manifest.plan import Action, Plan, Thing
from gateway.manifest.reading import parse, read_file
from gateway.tenants.acting import Acting
from gateway.webhooks.route_trials import Trial

CHANGES_PENDING = 2

_schema = deferred("gateway.manifest.schema")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Also remove the routes that the file does not have.")
@click.option("--allow-empty", is_flag=True, help="With --prune: a file without routes removes all of them.")
@click.option(
    "--exit-code", is_flag=True, help="With --plan: exit with 2 when there are changes, 0 when there are none."
)
@click.option("--yes", is_flag=True, help="Do not ask. Only a terminal is asked.")
@click.option(
    "--show-secrets", is_flag=True, help="Print secrets that are made, also into a pipe, which others may keep."
)
@with_invocation
def apply(
    invocation: Invocation,
    file: Path,
    only_plan: bool,
    prune: bool,
    allow_empty: bool,
    exit_code: bool,
    yes: bool,
    show_secrets: bool,
) -> None:
    """Bring sources, destinations, routes and app credentials to what FILE says, all of it or nothing; - reads it.

    Applying the same file again changes nothing. Sources, destinations and app credentials that the file does not have
    are left alone, and so are routes unless --prune is given. A route is changed in place: known by its name, without
    one by what it says, or as the only one between its source and destination. A secret that changes counts at once,
    the old one for 24 h more, that of an app no more. On a terminal it is asked before something that is there changes.
    """
    manifest, faults = parse(read_file(file), read_variable)

    def planned(acting: Acting) -> Plan:
        return make_plan(acting, manifest, faults, prune=prune, allow_empty=allow_empty)

    asks = can_answer() and not (yes or only_plan or invocation.as_json)
    shown, trials = None, None
    if only_plan or asks:
        with invocation.reading() as acting:
            shown = planned(acting)
            trials = try_plan(acting, shown, manifest)
    if asks and shown is not None and trials is not None:
        _ask(shown, trials)
    if only_plan and shown is not None:
        applied = Applied(shown)
    else:
        with invocation.changing() as acting:
            plan = planned(acting)
            if shown not in (None, plan):
                raise Conflict("what is there was changed by somebody else meanwhile: nothing was done, look again")
            applied = apply_plan(acting, plan)
    if trials is None:
        with invocation.reading() as acting:
            trials = try_plan(acting, applied.plan, manifest)
    is_told = show_secrets or (sys.stdout.isatty() and not invocation.as_json)
    _tell(invocation, applied, trials, only_plan=only_plan, is_shown=asks, shows_secrets=is_told)
    if only_plan and exit_code and applied.plan.changes:
        raise click.exceptions.Exit(CHANGES_PENDING)


def _ask(plan: Plan, trials: Mapping[str, Trial]) -> None:
    _print_plan(plan, trials)
    count = len(plan.changes)
    if any(change.action is not Action.CREATE for change in plan.changes):
        require_yes("Make this change?" if count == 1 else f"Make these {count} changes?", yes=False)


def _tell(
    invocation: Invocation,
    applied: Applied,
    trials: Mapping[str, Trial],
    *,
    only_plan: bool,
    is_shown: bool,
    shows_secrets: bool,
) -> None:
    plan = applied.plan
    untold = () if shows_secrets else tuple(applied.new_secrets)
    applied = applied if shows_secrets else replace(applied, new_secrets={})
    if invocation.as_json:
        print_json(_schema.OutcomeSchema().dump(outcome_of(applied, trials, is_applied=not only_plan)))
        _note_untold(untold)
        return
    if not is_shown:
        _print_plan(plan, trials)
    for name, secret in applied.new_secrets.items():
        click.echo(f"Signing secret of {name}: {secret}")
    if applied.new_secrets:
        note("The secrets are shown this once.")
    _note_untold(untold)
    note(_conclusion(len(plan.changes), only_plan=only_plan))


def _note_untold(names: Sequence[str]) -> None:
    for name in names:
        note(
            f"The signing secret of {name} is not printed into a pipe: give secret_env in the file, or --show-secrets, "
            f"or have another one made with gateway destinations rotate {name}"
        )


def _print_plan(plan: Plan, trials: Mapping[str, Trial]) -> None:
    for change in plan.changes:
        click.echo(f"{change.action} {_in_words(change.thing)}")
        for difference in change.differences:
            click.echo(f"  {_line(difference)}")
    for thing in plan.not_in_file:
        click.echo(f"keep {_in_words(thing)} (not in the file)")
    for name, trial in trials.items():
        for line in trial_lines(name, trial) if trial.is_doubtful else ():
            note(line)


def _in_words(thing: Thing) -> str:
    detail = f": {thing.detail}" if thing.detail else ""
    return printable(f"{thing.kind.replace('_', ' ')} {thing.name}{detail}")


def _line(difference: Difference) -> str:
    return printable(f"{difference.field}: {_value(difference.before)} → {_value(difference.after)}")


def _value(value: Shown) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _conclusion(count: int, *, only_plan: bool) -> str:
    if count == 0:
        return "No changes."
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{changes} planned; nothing was changed." if only_plan else f"{changes} made."
