"""Forgetting many events as a job: some in each transaction, gone on with where it was left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from sqlalchemy import update

from gateway.errors import InvalidInput
from gateway.jobs.kind import Result
from gateway.jobs.models import Job
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import JobRun
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting
from gateway.tenants.audit_trail.tally import Tally, tallied
from gateway.webhooks.forgetting.forget import BATCH, ForgottenEvents, Looked, forget_some, look, plan_forgetting
from gateway.webhooks.forgetting.kind import FORGET
from gateway.webhooks.forgetting.which import WhichForgotten, as_payload, which_of, without_persons


def ask_to_forget(
    acting: Acting, which: WhichForgotten, *, is_plan: bool = False, holder: Holder | None = None
) -> JobSummary:
    """Ask for a job that forgets all events that are meant and have come by now, or counts them. Raises
    `InvalidInput`.
    """
    if not which.is_bounded:
        raise InvalidInput("say which events are meant: nothing is forgotten without a filter")
    which.looked_for.contents()
    return request_job(acting, FORGET, as_payload(which.until(acting.now)) | {"is_plan": is_plan}, holder=holder)


def forget(run: JobRun) -> Result:
    """Forget what the job's payload asks for; the counts."""
    which = which_of(run.payload)
    if run.payload["is_plan"]:
        return {"events": sum(_counted(run, which))}
    counts, cursor, is_over = _reached(run)
    asked = {name: value for name, value in without_persons(run.payload).items() if value and name != "is_plan"}
    with tallied(run.begin, "events.forgotten", asked=asked) as tally:
        while not is_over:
            looked = look(run.begin, which, cursor)
            counts = _forget(run, looked, counts, tally)
            cursor, is_over = looked.cursor, looked.cursor is None
    return asdict(counts)


def _forget(run: JobRun, looked: Looked, counts: ForgottenEvents, tally: Tally) -> ForgottenEvents:
    """Forget what was found, a part at a time; where the job is stands with the last one."""
    parts = list(_parts([row.id for row in looked.rows])) or [()]
    for number, part in enumerate(parts, start=1):
        with run.begin() as acting:
            some = forget_some(acting, part)
            counts += some
            is_last = number == len(parts)
            is_over = is_last and looked.cursor is None
            tally.add(acting, asdict(some), is_changed=bool(some.events), is_last=is_over)
            if is_last:
                run.position = {"counts": asdict(counts), "cursor": looked.cursor, "is_over": is_over}
            if is_over:
                # Its payload is kept for a while: it must not tell of whom events were forgotten.
                scrubbed = without_persons(run.payload)
                acting.session.execute(update(Job).where(Job.id == run.id).values(payload=scrubbed))
            run.progress(counts.events)
    return counts


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _reached(run: JobRun) -> tuple[ForgottenEvents, str | None, bool]:
    if run.position is None:
        return ForgottenEvents(), None, False
    return ForgottenEvents(**run.position["counts"]), run.position["cursor"], run.position["is_over"]


def _counted(run: JobRun, which: WhichForgotten) -> Iterator[int]:
    total = 0
    for looked in plan_forgetting(run.begin, which):
        run.checkpoint()
        total += len(looked.rows)
        run.progress(total)
        yield len(looked.rows)
