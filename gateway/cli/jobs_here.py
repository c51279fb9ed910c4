"""What commands with long work share: the work is a job, carried out in the command's own process, or left to a worker
with `--detach`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.invocation import Invocation
from gateway.cli.terminal.output import print_json
from gateway.cli.terminal.progress import Progress
from gateway.deferred import deferred

if TYPE_CHECKING:
    from gateway.jobs.kind import Kind
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary

_here = deferred("gateway.jobs.here")
_request = deferred("gateway.jobs.request")

detach_option = click.option("--detach", is_flag=True, help="Leave it to a worker, and say which job it is.")


def carried_out(
    invocation: Invocation,
    kind: Kind,
    ask: Callable[[Holder], JobSummary],
    progress: Progress,
    *,
    is_alone: bool = False,
) -> Mapping[str, Any]:
    """The result of the job that `ask` asks for, carried out here. Raises what its function raises, and `Conflict`."""

    def show(done: int, _total: int | None, line: str | None) -> None:
        progress.show(done, line)

    result: Mapping[str, Any] = _here.carry_out_here(
        invocation.installation, kind, ask, actor=invocation.actor, on_progress=show, is_alone=is_alone
    )
    return result


def carry_out_or_detach(
    invocation: Invocation, kind: Kind, payload: Mapping[str, Any], progress: Progress, *, detach: bool
) -> Mapping[str, Any] | None:
    """The result of a job of the tenant; None where it is left to a worker, which is told."""

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            job: JobSummary = _request.request_job(acting, kind, payload, holder=holder)
            return job

    return _carried_out_or_left(invocation, kind, ask, progress, detach=detach)


def carry_out_or_detach_for_system(
    invocation: Invocation, kind: Kind, payload: Mapping[str, Any], progress: Progress, *, detach: bool
) -> Mapping[str, Any] | None:
    """The same of a job that belongs to no tenant."""

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.for_system(write=True) as acting:
            job: JobSummary = _request.request_job(acting, kind, payload, holder=holder)
            return job

    return _carried_out_or_left(invocation, kind, ask, progress, detach=detach)


def _carried_out_or_left(
    invocation: Invocation, kind: Kind, ask: Callable[..., JobSummary], progress: Progress, *, detach: bool
) -> Mapping[str, Any] | None:
    if not detach:
        return carried_out(invocation, kind, ask, progress)
    tell_detached(invocation, ask())
    return None


def tell_detached(invocation: Invocation, job: JobSummary) -> None:
    """Say which job it is."""
    if invocation.as_json:
        print_json({"job": job.id})
    else:
        click.echo(f"A worker does it: {job.id}")
