"""`gateway tenants erase`: remove a tenant with all that it has."""

from __future__ import annotations

from collections.abc import Mapping

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carry_out_or_detach_for_system, detach_option
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import can_answer, require_yes
from gateway.deferred import deferred
from gateway.tenants.directory import require_tenant

_erasing = deferred("gateway.tenant_data.erasing")
_kinds = deferred("gateway.tenant_data.kinds")


@click.command()
@click.argument("slug")
@click.option("--plan", "only_plan", is_flag=True, help="Count what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@detach_option
@with_invocation
def erase(invocation: Invocation, slug: str, only_plan: bool, yes: bool, detach: bool) -> None:
    """Remove a tenant with all that it has, for good: sources, events, deliveries, rejections, its audit trail.

    Says what would go and asks first. From then on its webhooks get 404 and nothing is delivered. Works in short
    transactions beside a running gateway; killed, it goes on when it is given again. Of `default` the row stays, as
    new.
    """
    if only_plan or (can_answer() and not yes):
        with invocation.for_system() as acting:
            planned = _erasing.plan_erasing(acting, slug)
        if not invocation.as_json:
            _print(invocation, planned, "rows")
        elif only_plan:
            print_json({"tenant": slug, "rows": planned})
    if only_plan:
        note("Nothing was removed.")
        return
    require_yes(f"Remove the tenant {slug} with all that it has, for good?", yes=yes)
    with invocation.for_system() as acting:
        require_tenant(acting.session, slug)
    with Progress("{} rows removed") as progress:
        payload = {"tenant": slug}
        result = carry_out_or_detach_for_system(invocation, _kinds.ERASE, payload, progress, detach=detach)
    if result is None:
        return
    gone = result["removed"]
    if invocation.as_json:
        print_json({"tenant": slug, "removed": gone})
    else:
        _print(invocation, gone, "removed")
        note(f"The tenant {slug} is erased.")


def _print(invocation: Invocation, counts: Mapping[str, int], column: str) -> None:
    rows = [(name, count) for name, count in counts.items() if count]
    if rows:
        print_table(("table", column), rows, now=invocation.now())
    else:
        note("It has nothing.")
