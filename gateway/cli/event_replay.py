"""`gateway events replay`, and what `gateway routes backfill` shares with it: counts first, then the replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out, detach_option, tell_detached
from gateway.cli.terminal.event_filter import EventChoice, with_event_choice
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.clock import iso
from gateway.deferred import deferred
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import BATCH, Counted, WhichEvents, plan_replay, replay_event
from gateway.errors import InvalidInput
from gateway.webhooks.known_names import require_filterable

if TYPE_CHECKING:
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary

_drafts = deferred("gateway.delivery.replays.draft")
_kind = deferred("gateway.delivery.replays.kind")
_replays = deferred("gateway.delivery.replays.management")

plan_option = click.option("--plan", is_flag=True, help="Say how many there are, and do nothing.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("event_id", metavar="[ID]", required=False)
@click.option("--to", "destination", metavar="DESTINATION", help="To this destination, with the raw body.")
@click.option("--route", metavar="ROUTE", help="Through this route: its types, filter, transform and destination.")
@click.option("--failed", is_flag=True, help="Of what was made before, only what failed. The default.")
@click.option("--all", "everything", is_flag=True, help="Also what has arrived, was cancelled, or waits.")
@plan_option
@yes_option
@detach_option
@with_event_choice
@with_invocation
def replay(
    invocation: Invocation,
    event_id: str | None,
    destination: str | None,
    route: str | None,
    failed: bool,
    everything: bool,
    plan: bool,
    yes: bool,
    detach: bool,
    choice: EventChoice,
) -> None:
    """Deliver an event again, or, without ID, every one that matches; oldest first.

    Where it went before: what failed is due again, what has arrived only with --all. With --to or --route also where it
    never went: an event that came before its route was added. None is delivered there twice.
    """
    if failed and everything:
        raise InvalidInput("choose --failed or --all")
    aim = Aim(Again.ALL if everything else Again.FAILED, route, destination)
    if event_id is None:
        if not choice:
            raise InvalidInput("give an ID, or a filter: --source, --type, --status, --since, --until")
        replay_many(invocation, choice, aim, plan=plan, yes=yes, detach=detach)
    elif choice:
        raise InvalidInput("give an ID or a filter, not both")
    else:
        _replay_one(invocation, event_id, aim, plan=plan, yes=yes)


def replay_many(
    invocation: Invocation, choice: EventChoice, aim: Aim, *, plan: bool, yes: bool, detach: bool = False
) -> None:
    """Say how many there are, ask, replay, and say what was done."""
    # The end is set now: what comes while somebody thinks about the answer is not meant.
    now = invocation.now()
    wanted = choice.filter(now)
    which = WhichEvents(replace(wanted, until=wanted.until or now), choice.status)
    planned = _counted(plan_replay(invocation.reading, which, aim))
    if not planned.events:
        with invocation.reading() as acting:
            require_filterable(acting, choice.source, choice.type)
    if plan or not planned.changes:
        _say(invocation, planned, is_plan=plan)
        return
    if not yes:
        note(planned_words(planned))
        require_yes(_question(planned), yes=False)
    draft = _drafts.ReplayDraft(which, aim)

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            job: JobSummary = _replays.ask_for_replay(acting, draft, holder=holder)
            return job

    if detach:
        tell_detached(invocation, ask())
        return
    with Progress(f"Of {planned.events} replayed: {{}} events") as progress:
        done = carried_out(invocation, _kind.REPLAY, ask, progress)
    _say(invocation, ReplayCounts(**done))


def _replay_one(invocation: Invocation, event_id: str, aim: Aim, *, plan: bool, yes: bool) -> None:
    with invocation.reading() as acting:
        planned = replay_event(acting, event_id, aim, plans=True)
    if plan:
        _say(invocation, planned, event_id, is_plan=True)
        return
    if planned.repeated:
        again = _count(planned.repeated, "delivery has arrived", "deliveries have arrived")
        require_yes(f"{again} already: send it again?", yes=yes)
    with invocation.changing() as acting:
        done = replay_event(acting, event_id, aim)
    _say(invocation, done, event_id)


def _counted(steps: Iterator[Counted]) -> ReplayCounts:
    """The counts at the end, shown on a terminal meanwhile."""
    last = ReplayCounts()
    with Progress("Counted: {} events") as progress:
        for step in steps:
            last = step.counts
            # What is done at once needs no line of its own.
            if last.events >= BATCH:
                progress.show(last.events, f"up to {iso(step.received_at)}")
    return last


def _say(invocation: Invocation, counts: ReplayCounts, event_id: str | None = None, *, is_plan: bool = False) -> None:
    if invocation.as_json:
        print_json(({} if event_id is None else {"event_id": event_id}) | asdict(counts) | {"is_plan": is_plan})
        return
    if is_plan:
        click.echo(planned_words(counts))
        return
    if counts.created:
        click.echo(f"{_count(counts.created, 'new delivery is', 'new deliveries are')} made.")
    if counts.replayed:
        click.echo(f"{_count(counts.replayed, 'delivery is', 'deliveries are')} due again.")
    remarks = _remarks(counts)
    if not counts.changes:
        note(f"Nothing to deliver{': ' if remarks else '.'}{'; '.join(remarks)}")
    elif remarks:
        note(f"Besides: {'; '.join(remarks)}")


def planned_words(counts: ReplayCounts) -> str:
    """What a replay would do, in a line. Pure."""
    events = _count(counts.events, "event", "events")
    created = _count(counts.created, "new delivery", "new deliveries")
    again = f"{counts.replayed} sent again"
    if counts.repeated:
        again += f", of which {counts.repeated} had arrived"
    return "; ".join([f"{events}: {created}, {again}", *_remarks(counts)])


def _remarks(counts: ReplayCounts) -> list[str]:
    """What is left as it is, and why; only what there is of it."""
    found = {
        "dead at once, as the route fails on them: gateway deliveries list --state dead": counts.unshaped,
        "arrived and left alone: `gateway events replay` with --all sends them again": counts.arrived,
        "waiting, being tried, cancelled or dead, and left alone": counts.waiting,
        "still failed on by their route, which has to be mended first": counts.kept_back,
        "not taken by the route": counts.turned_away,
        "went nowhere when they came: deliver them with --route ROUTE or --to DESTINATION": counts.unrouted,
    }
    return [f"{count} {words}" for words, count in found.items() if count]


def _question(counts: ReplayCounts) -> str:
    parts = [_count(counts.created, "new delivery", "new deliveries")] if counts.created else []
    parts += [f"{counts.replayed} sent again"] if counts.replayed else []
    return f"Deliver: {' and '.join(parts)}?"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
