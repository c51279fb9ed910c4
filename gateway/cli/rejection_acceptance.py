"""`gateway rejections accept`: taking in what was refused, once its cause is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out, detach_option, tell_detached
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import to_time
from gateway.cli.terminal.output import note, print_json, printable
from gateway.cli.terminal.paging import time_options
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.webhooks.acceptance.kind import ACCEPT
from gateway.webhooks.acceptance.outcomes import AcceptanceCounts, Judged, Outcome, counts_of

if TYPE_CHECKING:
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary
    from gateway.webhooks.acceptance.accept import WhichRejections

_accept = deferred("gateway.webhooks.acceptance.accept")
_many = deferred("gateway.webhooks.acceptance.many")
_schema = deferred("gateway.webhooks.acceptance.schema")

SHOWN = 5
_WORDS = {
    Outcome.ACCEPTED: "taken in",
    Outcome.DUPLICATE: "had come by another way: nothing new is delivered",
    Outcome.ACCEPTED_BEFORE: "taken in before",
    Outcome.REFUSED: "refused again",
    Outcome.INCOMPLETE: "not kept whole: have the vendor send them again",
}


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--source", help="Without ID: those that called this slug.")
@click.option("--reason", help="Without ID: only for this reason, such as signature_mismatch.")
@time_options
@click.option("--plan", is_flag=True, help="Say what would become of them, and take in nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@detach_option
@with_invocation
def accept(
    invocation: Invocation,
    ids: tuple[str, ...],
    source: str | None,
    reason: str | None,
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    plan: bool,
    yes: bool,
    detach: bool,
) -> None:
    """Take in refused requests, once the cause is mended: by ID, or every one that matches.

    Each is judged again, at the time at which it came and with the secrets that its source has now. What verifies
    becomes an event and is delivered as if it came now; what the vendor has sent again meanwhile makes nothing twice.
    """
    now = invocation.now()
    which: WhichRejections = _accept.WhichRejections(source, reason, to_time(since, now), to_time(until, now))
    if bool(ids) == (which != _accept.WhichRejections()):
        raise InvalidInput("give IDs, or a filter: --source, --reason, --since, --until")
    if ids:
        _accept_some(invocation, ids, plan=plan)
    else:
        which = _accept.WhichRejections(source, reason, which.since, which.until or now)
        _accept_many(invocation, which, plan=plan, yes=yes, detach=detach)


def _accept_some(invocation: Invocation, ids: Sequence[str], *, plan: bool) -> None:
    judged: list[Judged] = [
        _accept.try_rejection(invocation.transaction, one, plans=plan) for one in dict.fromkeys(ids)
    ]
    if invocation.as_json:
        print_json({"data": _schema.JudgedSchema(many=True).dump(judged), "is_plan": plan})
    else:
        for one in judged:
            click.echo(_line(one, plan=plan))
    if not all(one.is_in_journal for one in judged):
        raise SystemExit(FAILED)


def _accept_many(invocation: Invocation, which: WhichRejections, *, plan: bool, yes: bool, detach: bool) -> None:
    planned, refused = _plan(invocation, which)
    if plan or not (planned.accepted or planned.duplicate):
        _say(invocation, planned, refused, plan=True)
        return
    if not yes and not invocation.as_json:
        note(words(planned, plan=True))
    require_yes(f"Take in {planned.accepted} of {planned.total} rejections?", yes=yes)

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            job: JobSummary = _many.ask_for_acceptance(acting, which, holder=holder)
            return job

    if detach:
        tell_detached(invocation, ask())
        return
    with Progress(f"Of {planned.total} judged: {{}}") as progress:
        done = carried_out(invocation, ACCEPT, ask, progress)
    _say(invocation, AcceptanceCounts(**done), refused, plan=False)


def _plan(invocation: Invocation, which: WhichRejections) -> tuple[AcceptanceCounts, list[Judged]]:
    """The counts, and some of those that are refused."""
    counts, refused = AcceptanceCounts(), list[Judged]()
    with Progress("Judged: {}") as progress:
        for judged in _accept.plan_acceptance(invocation.transaction, which):
            counts += counts_of(judged)
            refused += [one for one in judged if one.outcome is Outcome.REFUSED][: SHOWN - len(refused)]
            progress.show(counts.total)
    return counts, refused


def _say(invocation: Invocation, counts: AcceptanceCounts, refused: Sequence[Judged], *, plan: bool) -> None:
    if invocation.as_json:
        print_json({**asdict(counts), "is_plan": plan})
        return
    click.echo(words(counts, plan=plan) if counts.total else "No rejection matches.")
    for one in refused:
        note(f"  {one.rejection_id}  {printable(one.detail or '')}")
    if refused:
        note(f"Why one is refused: gateway explain {refused[0].rejection_id}")


def words(counts: AcceptanceCounts, *, plan: bool) -> str:
    """The counts in a line: only what there is. Pure."""
    found = [
        f"{count} {'would be taken in' if plan and one.name == 'accepted' else _WORDS[Outcome(one.name)]}"
        for one in fields(counts)
        if (count := getattr(counts, one.name))
    ]
    return "; ".join(found) or "0 taken in"


def _line(one: Judged, *, plan: bool) -> str:
    """One rejection in a line. Pure."""
    events = f"as {', '.join(one.event_ids)}" if one.event_ids else ""
    match one.outcome:
        case Outcome.ACCEPTED:
            text = "would be taken in" if plan else f"is taken in {events}"
        case Outcome.DUPLICATE:
            text = (
                f"had come by another way, {events}: deliver that again with gateway events replay {one.event_ids[0]}"
            )
        case Outcome.ACCEPTED_BEFORE:
            text = f"was taken in before, {events}"
        case Outcome.REFUSED:
            text = f"is refused again: {one.detail}; gateway explain {one.rejection_id} says more"
        case Outcome.INCOMPLETE:
            text = "was not kept whole, and cannot be judged: have the vendor send it again"
    return printable(f"{one.rejection_id} {text}")
