"""`gateway events forget`: one event, or by a filter one person's, for good."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out, detach_option, tell_detached
from gateway.cli.terminal.event_filter import EventChoice, with_event_choice, with_looked_for
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.clock import iso
from gateway.deferred import deferred
from gateway.delivery.journal import JournalLine, show_in_journal
from gateway.delivery.looked_for import LookedFor
from gateway.errors import InvalidInput
from gateway.webhooks.forgetting.forget import ForgottenEvents, forget_event, plan_forgetting
from gateway.webhooks.forgetting.kind import FORGET
from gateway.webhooks.forgetting.which import WhichForgotten

if TYPE_CHECKING:
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary

_many = deferred("gateway.webhooks.forgetting.many")

SHOWN = 10


@click.command()
@click.argument("event_id", metavar="[ID]", required=False)
@click.option("--plan", is_flag=True, help="Say which they are, and forget none.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@detach_option
@with_looked_for
@with_event_choice
@with_invocation
def forget(
    invocation: Invocation,
    event_id: str | None,
    plan: bool,
    yes: bool,
    detach: bool,
    inside: LookedFor,
    choice: EventChoice,
) -> None:
    """Forget an event for good, or, without ID, every one that matches: one person's, for instance.

    With its body, deliveries, attempts, and the refused request that it was made of. Says what would go and asks first.
    What its receivers have got stays there. If the vendor sends it again, it comes as a new event.
    """
    if event_id is None:
        if not choice and not inside:
            raise InvalidInput("give an ID, or a filter: --contains, --where, --source, --since, …")
        _forget_many(invocation, choice, inside, plan=plan, yes=yes, detach=detach)
    elif choice or inside:
        raise InvalidInput("give an ID or a filter, not both")
    else:
        _forget_one(invocation, event_id, plan=plan, yes=yes)


def _forget_one(invocation: Invocation, event_id: str, *, plan: bool, yes: bool) -> None:
    with invocation.reading() as acting:
        event = show_in_journal(acting, event_id)
    deliveries = len(event.deliveries)
    what = f"{event.id} ({event.type or 'no type'} of {event.source}, {iso(event.received_at)})"
    if plan:
        _say_plan(invocation, 1, f"{what}, with {deliveries} {'delivery' if deliveries == 1 else 'deliveries'}")
        return
    require_yes(f"Forget {what} for good?", yes=yes)
    with invocation.changing() as acting:
        gone = forget_event(acting, event.id)
    _say(invocation, gone)


def _forget_many(
    invocation: Invocation, choice: EventChoice, inside: LookedFor, *, plan: bool, yes: bool, detach: bool
) -> None:
    # The end is set now: what comes while somebody thinks about the answer is not meant.
    now = invocation.now()
    wanted = choice.filter(now)
    which = WhichForgotten(replace(wanted, until=wanted.until or now), choice.status, inside)
    count, newest, oldest_at = _plan(invocation, which)
    if not invocation.as_json and count and (plan or not yes):
        _print_some(newest, count, now)
    if plan or not count:
        back = "" if oldest_at is None else f", back to {iso(oldest_at)}"
        _say_plan(invocation, count, f"{count} {'event' if count == 1 else 'events'}{back}")
        return
    require_yes(f"Forget {count} {'event' if count == 1 else 'events'} for good?", yes=yes)

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            job: JobSummary = _many.ask_to_forget(acting, which, holder=holder)
            return job

    if detach:
        tell_detached(invocation, ask())
        return
    with Progress(f"Of {count} forgotten: {{}} events") as progress:
        done = carried_out(invocation, FORGET, ask, progress)
    _say(invocation, ForgottenEvents(**done))


def _plan(invocation: Invocation, which: WhichForgotten) -> tuple[int, list[JournalLine], datetime | None]:
    """How many, the newest of them, and when the oldest came."""
    count, newest, oldest_at = 0, list[JournalLine](), None
    with Progress("Found: {} events") as progress:
        for looked in plan_forgetting(invocation.transaction, which):
            count += len(looked.rows)
            newest += looked.rows[: SHOWN - len(newest)]
            oldest_at = looked.rows[-1].received_at if looked.rows else oldest_at
            reached = looked.looked_back_to
            progress.show(count, None if reached is None else f"back to {iso(reached)}")
    return count, newest, oldest_at


def _print_some(newest: list[JournalLine], count: int, now: datetime) -> None:
    rows = [(row.id, row.received_at, row.source, row.type, row.status) for row in newest]
    print_table(("event", "received", "source", "type", "status"), rows, now=now)
    if count > len(newest):
        note(f"And {count - len(newest)} older ones.")


def _say_plan(invocation: Invocation, count: int, what: str) -> None:
    if invocation.as_json:
        print_json({"events": count, "is_plan": True})
    elif count:
        click.echo(f"Would be forgotten: {what}")
        note("Nothing was forgotten.")
    else:
        note("No event matches: nothing was forgotten.")


def _say(invocation: Invocation, gone: ForgottenEvents) -> None:
    if invocation.as_json:
        print_json({**asdict(gone), "is_plan": False})
        return
    parts = [
        _count(gone.events, "event", "events"),
        _count(gone.deliveries, "delivery", "deliveries"),
        _count(gone.attempts, "attempt", "attempts"),
        _count(gone.rejections, "rejection", "rejections"),
    ]
    click.echo(f"Forgot {', '.join(parts)}.")
    if gone.kept:
        note(f"{gone.kept} stay, since they are being delivered at this moment: do it again in a while.")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
