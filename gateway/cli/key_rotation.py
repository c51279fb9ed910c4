"""`gateway secrets rotate`: everything that is sealed is sealed anew with the first encryption key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carry_out_or_detach_for_system, detach_option
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.progress import Progress
from gateway.db.sealing_keys import known_keys
from gateway.key_rotation.counting import count_old
from gateway.key_rotation.kind import ROTATE
from gateway.key_rotation.resealing import Resealer
from gateway.key_rotation.tally import Tally


@click.command()
@click.option("--plan", "only_plan", is_flag=True, help="Count what would be sealed anew, and change nothing.")
@click.option("--forget", is_flag=True, help="Then forget the keys that nothing is sealed with any more.")
@detach_option
@with_invocation
def rotate(invocation: Invocation, only_plan: bool, forget: bool, detach: bool) -> None:
    """Seal everything anew with the first encryption key: secrets of sources, destinations and apps, tokens, and what
    is sealed in events, rejections and deliveries.

    First start every web process and worker anew with both keys, the new one first. Works in short transactions beside
    a running gateway, and may be stopped at any time: given again, it goes on with what is left. What somebody changes
    meanwhile stays as they leave it. With --forget it looks again at the end; then the old key can be left out.
    """
    invocation.require_database()
    if only_plan:
        _plan(invocation)
        return
    invocation.installation.claim_keys()
    payload = {"key": invocation.installation.keyring.ids[0], "forget": forget}
    with Progress("{} values sealed anew") as progress:
        result = carry_out_or_detach_for_system(invocation, ROTATE, payload, progress, detach=detach)
    if result is None:
        return
    if invocation.as_json:
        print_json(result)
        return
    _tell(result, forget=forget)


def _plan(invocation: Invocation) -> None:
    installation = invocation.installation
    resealer = Resealer(installation.keyring, known_keys(installation.database))
    tally = Tally()
    with Progress("{} values counted") as progress:
        for tally in count_old(installation.database.read, resealer):
            progress.show(tally.found)
    key = installation.keyring.ids[0]
    if invocation.as_json:
        print_json({"key": key, **tally.as_data()})
        return
    rows = [(place, one, count) for place, counts in tally.old.items() for one, count in counts.items()]
    if rows:
        print_table(("table", "key", "values"), rows, now=invocation.now())
    note(f"{tally.found} values would be sealed anew with key {key}. Nothing was changed.")
    for one, count in tally.missing.items():
        note(f"{count} values are sealed with key {one}, which is not here: they stay as they are.")
    _note_unreadable(tally)


def _tell(result: Mapping[str, Any], *, forget: bool) -> None:
    tally = Tally.of(result)
    click.echo(f"{tally.replaced} values are sealed anew, with key {result['key']}.")
    raced = tally.found - tally.replaced
    if raced > 0:
        note(f"{raced} others were changed meanwhile, or end by themselves soon.")
    _note_unreadable(tally)
    for key in result["forgotten"]:
        click.echo(f"Key {key} is forgotten: nothing needs it. Leave it out of GATEWAY_ENCRYPTION_KEYS, or its file.")
    for key, count in result["kept"].items():
        note(f"Key {key} is still needed, by {count} values: give the command again.")
    if not forget:
        note("Next, once every process was started anew with both keys: gateway secrets rotate --forget")


def _note_unreadable(tally: Tally) -> None:
    if tally.given_up:
        note(f"{tally.given_up} values need a key that was given up: enter them again (`gateway doctor` names them).")
    if tally.broken:
        note(f"{tally.broken} values do not open: they were changed, or moved to another row.")
