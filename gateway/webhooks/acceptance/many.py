"""Taking in many: as what it is asked for, and carrying it out as a job that goes on where it was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.errors import InvalidInput
from gateway.jobs.kind import Result
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import JobRun
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting
from gateway.tenants.audit_trail.tally import tallied
from gateway.webhooks.acceptance.accept import WhichRejections, accept_next, fetch_material, plan_acceptance
from gateway.webhooks.acceptance.kind import ACCEPT
from gateway.webhooks.acceptance.outcomes import AcceptanceCounts, counts_of


def ask_for_acceptance(
    acting: Acting, which: WhichRejections, *, is_plan: bool = False, holder: Holder | None = None
) -> JobSummary:
    """Ask for a job that takes in all that are meant, or counts what that would do. Raises `InvalidInput`."""
    if which == WhichRejections():
        raise InvalidInput("say which rejections are meant: by source, reason, since or until")
    until = which.until or acting.now
    return request_job(acting, ACCEPT, _asked(which, until) | {"is_plan": is_plan}, holder=holder)


def accept(run: JobRun) -> Result:
    """Take in what the job's payload asks for; the counts."""
    which = _which(run.payload)
    if run.payload["is_plan"]:
        counts = AcceptanceCounts()
        for judged in plan_acceptance(run.begin, which):
            run.checkpoint()
            counts += counts_of(judged)
            run.progress(counts.total)
        return asdict(counts)
    asked = {name: value for name, value in run.payload.items() if name != "is_plan" and value is not None}
    counts, following = _reached(run)
    with tallied(run.begin, "rejections.accepted", asked=asked) as tally:
        while following is not None:
            fetch_material(run.begin, which, following)
            with run.begin() as acting:
                some, following = accept_next(acting, which, following)
                is_changed = bool(some.accepted or some.duplicate)
                tally.add(acting, asdict(some), is_changed=is_changed, is_last=following is None)
                counts += some
                run.position = {"after": following, "counts": asdict(counts)}
                run.progress(counts.total)
    return asdict(counts)


def _reached(run: JobRun) -> tuple[AcceptanceCounts, str | None]:
    if run.position is None:
        return AcceptanceCounts(), ""
    return AcceptanceCounts(**run.position["counts"]), run.position["after"]


def _asked(which: WhichRejections, until: datetime) -> dict[str, Any]:
    since = None if which.since is None else which.since.isoformat()
    return {"source": which.source, "reason": which.reason, "since": since, "until": until.isoformat()}


def _which(payload: Mapping[str, Any]) -> WhichRejections:
    since = None if payload["since"] is None else datetime.fromisoformat(payload["since"])
    return WhichRejections(payload["source"], payload["reason"], since, datetime.fromisoformat(payload["until"]))
