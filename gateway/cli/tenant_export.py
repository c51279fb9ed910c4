"""`gateway tenants export`: write all that a tenant has to one file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.progress import Progress
from gateway.deferred import deferred
from gateway.errors import Conflict, InvalidInput
from gateway.security.private_files import FILE_MODE
from gateway.tenants.acting import act

if TYPE_CHECKING:
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary

_kinds = deferred("gateway.tenant_data.kinds")
_request = deferred("gateway.jobs.request")

STANDARD_OUTPUT = "-"


@click.command()
@click.argument("slug")
@click.argument("file")
@with_invocation
def export(invocation: Invocation, slug: str, file: str) -> None:
    """Write all that a tenant has, but for secrets, to FILE: a tar.gz of JSON lines; - is standard output.

    Events with their bodies, deliveries with their attempts, rejections, sources, destinations, routes, API keys
    without what opens them, the audit trail. Works beside a running gateway. FILE is for its owner alone, and must not
    be there yet; it gets its name when it is complete.
    """
    invocation.require_database()

    def ask(holder: Holder) -> JobSummary:
        with act(invocation.installation, actor=invocation.actor, tenant=slug, write=True) as acting:
            job: JobSummary = _request.request_job(acting, _kinds.EXPORT, {}, holder=holder)
            return job

    with _target(file) as out, Progress("{} lines written") as progress:
        # What is written is this process's: nobody else can go on with it.
        result = carried_out(invocation, _kinds.export_to(out), ask, progress, is_alone=True)
    counts: Mapping[str, int] = result["lines"]
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"
    if file == STANDARD_OUTPUT or not invocation.as_json:
        note(f"Exported the tenant {slug}: {told}.")
    else:
        print_json({"tenant": slug, "file": file, "lines": counts})


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    if file == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            raise InvalidInput("an archive is nothing for a terminal: give a file, or a pipe")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path, part = Path(file), Path(f"{file}.part")
    if path.exists():
        raise Conflict(f"{file} is there already")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        with open(descriptor, "wb") as out:
            yield out
        part.rename(path)
    except BaseException as error:
        # What is not complete is nothing.
        part.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}") from error
