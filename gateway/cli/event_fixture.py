"""`gateway events fixture`: events of production as files for tests, without secrets and personal data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json
from gateway.deferred import deferred

_capturing = deferred("gateway.testing.capturing")
_fixture_file = deferred("gateway.testing.fixture_file")


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", required=True, help="Such as tests/fixtures/.")
@click.option("--mask", "also", multiple=True, metavar="NAME", help="Mask members of this name too.")
@click.option("--keep", multiple=True, metavar="NAME", help="Do not mask members because of this name.")
@with_invocation
def fixture(invocation: Invocation, ids: Sequence[str], to: Path, also: Sequence[str], keep: Sequence[str]) -> None:
    """Write events as files for tests: headers and body, with secrets and personal data masked.

    One file an event, named by source and type. In tests, captured_event("github.push") loads one and signs it with a
    secret of tests. Look through a file before you commit it: names that no rule knows are masked with --mask.
    """
    written = []
    with invocation.reading() as acting:
        captures = [_capturing.capture(acting, one, also=also, keep=keep) for one in dict.fromkeys(ids)]
    for one in captures:
        path = _fixture_file.write_fixture(to, one.captured)
        written.append({"event_id": one.captured.event, "path": str(path), "masked": one.masked})
    if invocation.as_json:
        print_json({"data": written})
        return
    for line in written:
        click.echo(line["path"])
        note(f"  {line['event_id']}: {line['masked']} values masked")
