"""`gateway purge`: forget what is older than the retention, or than somebody says."""

from __future__ import annotations

from datetime import timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carry_out_or_detach_for_system, detach_option
from gateway.cli.terminal.options import Duration
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import can_answer, require_yes
from gateway.clock import iso
from gateway.delivery.retention import Cutoff
from gateway.webhooks import purge as use_case
from gateway.webhooks.purge import Forgotten, PurgePlan, PurgeRequest
from gateway.webhooks.purge_kind import PURGE

COLUMNS = ("tenant", "events", "deliveries", "attempts", "rejections", "kept: unfinished", "kept: dead")


@click.command()
@click.option("--older-than", type=Duration(), metavar="AGE", help="Else GATEWAY_RETENTION_DAYS.")
@click.option("--dead-letters", is_flag=True, help="Also dead letters that are younger than GATEWAY_RETENTION_DAYS.")
@click.option("--plan", "only_plan", is_flag=True, help="Count what would be forgotten, and forget nothing.")
@click.option("--force", is_flag=True, help="Allow for an AGE of less than an hour.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in cron.")
@detach_option
@with_invocation
def purge(
    invocation: Invocation,
    older_than: timedelta | None,
    dead_letters: bool,
    only_plan: bool,
    force: bool,
    yes: bool,
    detach: bool,
) -> None:
    """Forget old events, with their deliveries and attempts, of every tenant or of the one that --tenant names.

    Events with a delivery that is not finished stay. So do events with a dead letter, until they are older than
    GATEWAY_RETENTION_DAYS. Rejections are forgotten after 7 days; what was signed, where a source accepts it once only,
    after GATEWAY_PROOF_DAYS, and marked requests of the API after a day, unless --tenant is given. Says what would go
    and asks first. Works in short transactions beside a running gateway, and may be stopped at any time.
    """
    invocation.require_database()
    request = PurgeRequest(older_than, dead_letters, invocation.given_tenant, force)
    cutoff = use_case.cutoff_of(invocation.installation, request)
    planned = _plan(invocation, cutoff) if only_plan or (can_answer() and not yes) else None
    if planned is not None and not invocation.as_json:
        _print_plan(invocation, cutoff, planned)
    if only_plan and planned is not None:
        if invocation.as_json:
            print_json({"before": cutoff.before, "total": planned.total, "tenants": planned.tenants})
        note("Nothing was forgotten.")
        return
    if planned is None or planned.total.is_anything:
        require_yes(_question(cutoff, planned), yes=yes)
    gone = _purge(invocation, cutoff, planned, detach=detach)
    if gone is not None:
        _tell(invocation, gone)


def _plan(invocation: Invocation, cutoff: Cutoff) -> PurgePlan:
    found = PurgePlan()
    with Progress("{} events counted") as progress:
        for found in use_case.plan_purge(invocation.installation, cutoff):
            progress.show(found.total.events)
    return found


def _purge(invocation: Invocation, cutoff: Cutoff, planned: PurgePlan | None, *, detach: bool) -> Forgotten | None:
    of_all = "" if planned is None else f" of {planned.total.events}"
    payload = {"before": cutoff.before.isoformat(), "dead_before": cutoff.dead_before.isoformat()}
    payload |= {} if cutoff.tenant_id is None else {"tenant_id": cutoff.tenant_id}
    with Progress(f"{{}}{of_all} events forgotten") as progress:
        result = carry_out_or_detach_for_system(invocation, PURGE, payload, progress, detach=detach)
    return None if result is None else Forgotten(**result)


def _print_plan(invocation: Invocation, cutoff: Cutoff, planned: PurgePlan) -> None:
    rows = [
        (tenant, one.events, one.deliveries, one.attempts, one.rejections, one.kept, one.kept_dead)
        for tenant, one in planned.tenants.items()
    ]
    if rows:
        print_table(COLUMNS, rows, now=invocation.now())
    else:
        note(f"No event is from before {iso(cutoff.before)}.")
    if planned.proofs:
        note(f"{planned.proofs} proofs have expired.")
    if planned.requests:
        note(f"{planned.requests} requests of the API are a day old, and their answers need not be kept any more.")


def _tell(invocation: Invocation, gone: Forgotten) -> None:
    if invocation.as_json:
        print_json(gone)
        return
    click.echo(
        f"Forgot {gone.events} events, {gone.deliveries} deliveries, {gone.attempts} attempts, "
        f"{gone.rejections} rejections, {gone.proofs} proofs, {gone.requests} requests."
    )
    if gone.kept:
        note(f"{gone.kept} old events stay: a delivery of theirs is not finished.")
    if gone.kept_dead:
        note(f"{gone.kept_dead} old events stay: a delivery of theirs is dead. --dead-letters forgets them too.")


def _question(cutoff: Cutoff, planned: PurgePlan | None) -> str:
    whose = "every tenant" if cutoff.tenant_id is None else "this tenant"
    if planned is None:
        return f"Forget events of {whose} that came before {iso(cutoff.before)}?"
    total = planned.total
    counts = {"rejections": total.rejections, "proofs": total.proofs, "requests": total.requests}
    more = [f"{count} {what}" for what, count in counts.items() if count]
    events = f"{total.events} events of {whose} from before {iso(cutoff.before)}"
    return f"Forget {' and '.join([events, *more])} for good?"
