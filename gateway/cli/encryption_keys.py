"""`gateway secrets list | forget`: which encryption keys are here and which are needed; giving one up."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.questions import require_yes
from gateway.db.sealing_keys import forget_key, known_keys
from gateway.errors import Conflict, NotFound


@click.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List the keys by their ids: which are here, and which the values in the database need."""
    invocation.require_database()
    keyring = invocation.installation.keyring_at_hand
    here = keyring.ids if keyring is not None else ()
    needed = known_keys(invocation.installation.database)
    rows = [
        (one, one in here, one in needed, one == (here or ("",))[0]) for one in dict.fromkeys([*here, *sorted(needed)])
    ]
    if invocation.as_json:
        names = ("id", "is_here", "is_needed", "encrypts")
        print_json({"data": [dict(zip(names, row, strict=True)) for row in rows], "next_cursor": None})
        return
    if not rows:
        note("No keys yet: the first one is made when something is encrypted.")
    words = [
        (key, "here" if is_here else "missing", "needed" if is_needed else "not used yet")
        for key, is_here, is_needed, _ in rows
    ]
    print_table(("key", "place", "use"), words, now=invocation.now())


@click.command()
@click.argument("key_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_invocation
def forget(invocation: Invocation, key_id: str, yes: bool) -> None:
    """Give up a key that is lost for good, and with it what is sealed with it.

    Sources and destinations that need it stay out of order until their secrets are entered again (`rotate`).
    """
    invocation.require_database()
    keyring = invocation.installation.keyring_at_hand
    if keyring is not None and key_id in keyring.ids:
        raise Conflict(f"key {key_id} is here: nothing has to be given up")
    if key_id not in known_keys(invocation.installation.database):
        raise NotFound(f"nothing is sealed with a key {key_id!r}")
    require_yes(f"Give up everything that is sealed with key {key_id}?", yes=yes)
    with invocation.for_system(write=True) as acting:
        forget_key(acting.session.connection(), key_id)
        acting.audit("encryption_key.forgotten", key_id)
    note(f"Key {key_id} is forgotten. `gateway doctor` names what has to be entered again.")
