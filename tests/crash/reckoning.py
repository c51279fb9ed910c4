"""What a run comes to: what was acknowledged, compared with the tables and with what arrived. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Arrival(NamedTuple):
    """A delivery as its receiver saw it; `name` is the sender's name of the event."""

    name: str
    event_id: str
    webhook_id: str
    key: int = 0
    number: int = 0
    attempt: int = 1


class Step(NamedTuple):
    """A job's step, and the attempt that took it."""

    job: str
    attempt: str
    number: int


@dataclass(frozen=True)
class Evidence:
    """Everything that is known when all is quiet.

    `sent`, `acknowledged` (with the event's id that the sender was told) and `contradicted` (told another id later) are
    the sender's; `events` the journal's ids by the sender's name; `unfinished` and `dead` count deliveries that are not
    delivered. `arrivals` are those of each destination in the order in which they came, `ordered` names those with an
    ordering key; `stood_still`: a worker stopped and went on later. `calls` are the event ids with which the handler
    was called, and returned.

    `jobs` are the states of those whose asking was acknowledged; `steps` who took which step, in the order in which the
    holders wrote it down; `committed` the steps of each job that are in the tables; a whole job has `steps_of_job`.
    """

    sent: Iterable[str]
    acknowledged: Mapping[str, str]
    contradicted: Iterable[str]
    events: Mapping[str, Sequence[str]]
    unfinished: int
    dead: int
    arrivals: Mapping[str, Sequence[Arrival]]
    ordered: frozenset[str]
    stood_still: bool
    calls: Sequence[str]
    jobs: Mapping[str, str]
    steps: Sequence[Step]
    committed: Mapping[str, Sequence[int]]
    steps_of_job: int


@dataclass
class Count:
    """What is printed. `faults` are told one by one, in words; nothing is wrong when there are none."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    jobs: int = 0
    run_twice: int = 0
    faults: list[str] = field(default_factory=list)

    def __add__(self, other: Count) -> Count:
        return Count(
            self.kills + other.kills,
            self.acknowledged + other.acknowledged,
            self.lost + other.lost,
            self.repeated + other.repeated,
            self.out_of_order + other.out_of_order,
            self.jobs + other.jobs,
            self.run_twice + other.run_twice,
            [*self.faults, *other.faults],
        )

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.acknowledged} acknowledged, {self.lost} lost, {self.repeated} repeated, "
            f"{self.out_of_order} out of order; {self.run_twice} of {self.jobs} jobs run twice"
        )


def reckon(evidence: Evidence) -> Count:
    """Compare. An event is lost that was acknowledged and is not in the journal under the id that was told, or did not
    reach every destination; what arrives once more is a repeat, which is allowed, but not after a later one of its key.
    """
    others = list(_journal_faults(evidence))
    lost: dict[str, str] = {}
    repeated = 0
    out_of_order: list[str] = []
    reached = {where: Counter(one.event_id for one in came) for where, came in evidence.arrivals.items()}
    reached["the handler"] = Counter(evidence.calls)
    for name, told in evidence.acknowledged.items():
        if told not in evidence.events.get(name, ()):
            lost[name] = f"{name} was acknowledged as {told}, and the journal has {evidence.events.get(name)}"
            continue
        missed = [where for where, counts in reached.items() if told not in counts]
        if missed:
            lost[name] = f"{name} ({told}) did not reach {', '.join(missed)}"
    for counts in reached.values():
        repeated += sum(counts.values()) - len(counts)
    for where, came in evidence.arrivals.items():
        others += _identity_faults(where, came)
        if where in evidence.ordered:
            out_of_order += _order_faults(where, came, stood_still=evidence.stood_still)
    run_twice = dict([*_overlaps(evidence.steps), *_step_faults(evidence)])
    return Count(
        acknowledged=len(evidence.acknowledged),
        lost=len(lost),
        repeated=repeated,
        out_of_order=len(out_of_order),
        jobs=len(evidence.jobs),
        run_twice=len(run_twice),
        faults=[*lost.values(), *out_of_order, *run_twice.values(), *_job_faults(evidence), *others],
    )


def _overlaps(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Jobs in which an attempt went on after another had begun."""
    seen: dict[str, list[str]] = {}
    for step in steps:
        attempts = seen.setdefault(step.job, [])
        if step.attempt not in attempts:
            attempts.append(step.attempt)
        elif step.attempt != attempts[-1]:
            yield step.job, f"{step.job}: attempt {step.attempt} went on beside {attempts[-1]}, at step {step.number}"


def _step_faults(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for job, numbers in evidence.committed.items():
        if len(numbers) != len(set(numbers)):
            yield job, f"{job}: steps were committed more than once: {sorted(numbers)}"


def _job_faults(evidence: Evidence) -> Iterator[str]:
    whole = set(range(evidence.steps_of_job))
    for job, state in evidence.jobs.items():
        if state != "succeeded":
            yield f"{job} was asked for, and is {state}"
        elif set(evidence.committed.get(job, ())) != whole:
            yield f"{job} has succeeded with the steps {sorted(evidence.committed.get(job, ()))}"


def _journal_faults(evidence: Evidence) -> Iterator[str]:
    sent = set(evidence.sent)
    for name, ids in evidence.events.items():
        if len(ids) > 1:
            yield f"{name} is in the journal {len(ids)} times: {ids}"
        if name not in sent:
            yield f"{name} is in the journal, and nobody sent it"
    for name in evidence.contradicted:
        yield f"{name} was acknowledged under two ids"
    if evidence.unfinished:
        yield f"{evidence.unfinished} deliveries never came to an end"
    if evidence.dead:
        yield f"{evidence.dead} deliveries were given up"


def _identity_faults(where: str, came: Sequence[Arrival]) -> Iterator[str]:
    ids: dict[str, set[tuple[str, str]]] = {}
    for one in came:
        ids.setdefault(one.name, set()).add((one.event_id, one.webhook_id))
    for name, different in ids.items():
        if len(different) > 1:
            yield f"{name} came to {where} under several ids: {sorted(different)}"


def _order_faults(where: str, came: Sequence[Arrival], *, stood_still: bool) -> Iterator[str]:
    """What came after a later one of its key. A worker that stops between its last look at the clock and the network
    sends what it had begun when it goes on, after a later try of others: such an old try is a repeat and no more.
    """
    tried: dict[str, int] = {}
    last: dict[int, Arrival] = {}
    for one in came:
        before = last.setdefault(one.key, one)
        tries = tried[one.webhook_id] = max(one.attempt, tried.get(one.webhook_id, 0))
        if one.number < before.number:
            if stood_still and one.attempt < tries:
                continue
            yield (
                f"{one.name} ({one.webhook_id}, attempt {one.attempt}) came to {where} after {before.name}, "
                f"which is later in its key {one.key}"
            )
        else:
            last[one.key] = one
