"""One round: a sender, a field of processes, so many kills, quiet, and the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.field import Cell, Field, field_of
from tests.crash.jobs import FILE as STEPS_FILE
from tests.crash.jobs import STEP_ACTION, STEPS, Asker
from tests.crash.kills import Kill, deck
from tests.crash.reckoning import Arrival, Count, Evidence, Step, reckon
from tests.integration.delivery.sinks import Received
from tests.services.brokers import PrivateBroker
from tests.services.github_sender import GithubSender
from tests.services.postgres import PrivatePostgres
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables, tables_of

SENDERS = 4
PAUSE_SECONDS = 0.1
DOUBLED_EVERY = 5
# A point that nobody passed within this is none; generous, because programs start slowly on a busy machine.
REACHED_SECONDS = 60.0
# Leases end, tries come again and circuits close within this after the last kill.
QUIET_SECONDS = 300.0
MOST_PAUSE_SECONDS = 0.3

Tell = Callable[[str], None]


class Round:
    """What one round came to: `count`, and `reached`, the names of the kills that happened."""

    def __init__(
        self,
        cell: Cell,
        kills: int,
        seed: int,
        directory: Path,
        postgres: PrivatePostgres | None,
        broker: PrivateBroker | None = None,
    ) -> None:
        self._cell = cell
        self._kills = kills
        self._random = Random(f"{seed} {cell}")
        self._directory = directory
        self._postgres = postgres
        self._broker = broker
        self._faults: list[str] = []
        self.reached: list[str] = []

    def run(self, tell: Tell) -> Count:
        """Kill, wait until all is quiet, compare. What it found is also written into the folder."""
        with field_of(self._cell, self._directory, self._postgres, self._broker) as field:
            sender = GithubSender(
                field.installation.port, threads=SENDERS, pause_seconds=PAUSE_SECONDS, doubled_every=DOUBLED_EVERY
            )
            asker = Asker(field.asks)
            with sender.sending(), asker.asking():
                for kill in self._drawn():
                    self._carry_out(kill, field)
                    tell(f"{self._cell}: {kill.name}; {self._so_far(sender, field)}")
                field.wait_for(lambda: field.installation.is_up(), REACHED_SECONDS)
            tell(f"{self._cell}: waiting until all is quiet; {self._so_far(sender, field)}")
            with tables_of(field.installation.environment["GATEWAY_DATABASE_URL"]) as tables:
                field.wait_for(lambda: _is_quiet(field, tables), QUIET_SECONDS)
                evidence = _evidence(sender, asker, field, tables)
                attempts = tables.rows("SELECT delivery_id, number, started_at, duration_ms, outcome FROM attempts")
            count = reckon(evidence)
            count.kills = len(self.reached)
            count.faults += self._faults
            self._write_down(evidence, count, attempts)
        return count

    def _drawn(self) -> Iterator[Kill]:
        drawn = deck(self._cell, self._random)
        for _ in range(self._kills):
            yield next(drawn)

    def _carry_out(self, kill: Kill, field: Field) -> None:
        field.wait(self._random.random() * MOST_PAUSE_SECONDS)
        if field.wait_for(kill.strike(field, self._random), REACHED_SECONDS):
            self.reached.append(kill.name)
        else:
            field.disarm()
            self._faults.append(f"nobody could be killed: {kill.name}")

    def _so_far(self, sender: GithubSender, field: Field) -> str:
        return (
            f"{len(self.reached)} of {self._kills} kills, {len(sender.acknowledged)} acknowledged, "
            f"{field.started} programs started"
        )

    def _write_down(self, evidence: Evidence, count: Count, attempts: Sequence[Any]) -> None:
        """For looking into: what was killed in which order, what was sent, told and received."""
        kept = {
            "kills": self.reached,
            "count": vars(count),
            "acknowledged": evidence.acknowledged,
            "arrivals": evidence.arrivals,
            "attempts": [tuple(row) for row in attempts],
            "calls": evidence.calls,
            "jobs": evidence.jobs,
            "steps": evidence.steps,
        }
        (self._directory / "round.json").write_text(json.dumps(kept, indent=1))


def _unfinished(tables: Tables) -> int:
    states = tables.states()
    return states.get("pending", 0) + states.get("leased", 0)


def _is_quiet(field: Field, tables: Tables) -> bool:
    jobs = tables.rows("SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')")[0][0]
    return not (field.is_frozen or _unfinished(tables) or jobs)


def _evidence(sender: GithubSender, asker: Asker, field: Field, tables: Tables) -> Evidence:
    states = dict(map(tuple, tables.rows("SELECT id, state FROM jobs")))
    committed: dict[str, list[int]] = {}
    for (step,) in tables.rows(f"SELECT object_id FROM audit_entries WHERE action = '{STEP_ACTION}'"):
        job, _, number = step.partition(":")
        committed.setdefault(job, []).append(int(number))
    return Evidence(
        sent=sender.sent,
        acknowledged=sender.acknowledged,
        contradicted=sender.contradicted,
        events=tables.events(),
        unfinished=_unfinished(tables),
        dead=tables.states().get("dead", 0),
        arrivals={path: _arrivals(field.sink, path) for path in ("/app", "/ordered")},
        ordered=frozenset({"/ordered"}),
        stood_still=field.stood_still,
        calls=field.lines("calls"),
        jobs={id_: states.get(id_, "not there") for id_ in asker.asked},
        steps=[Step(job, attempt, int(number)) for job, attempt, number in map(str.split, field.lines(STEPS_FILE))],
        committed=committed,
        steps_of_job=STEPS,
    )


def _arrivals(sink: SinkThread, path: str) -> list[Arrival]:
    return [_arrival(one) for one in sink.at(path)]


def _arrival(one: Received) -> Arrival:
    body = json.loads(one.body)
    name, event, webhook = (one.header(key) or "" for key in ("x-github-delivery", "gateway-event-id", "webhook-id"))
    attempt = int(one.header("gateway-attempt") or 0)
    return Arrival(name, event, webhook, body["key"], body["number"], attempt)
