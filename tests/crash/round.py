"""One round: a sender, a field of processes, so many kills, quiet, and the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tests.crash.field import Cell, Field, field_of
from tests.crash.kills import Kill, deck
from tests.crash.reckoning import Arrival, Count, Evidence, reckon
from tests.integration.delivery.sinks import Received
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
QUIET_SECONDS = 180.0
MOST_PAUSE_SECONDS = 0.3

Tell = Callable[[str], None]


class Round:
    """What one round came to: `count`, and `reached`, the names of the kills that happened."""

    def __init__(self, cell: Cell, kills: int, seed: int, directory: Path, postgres: PrivatePostgres | None) -> None:
        self._cell = cell
        self._kills = kills
        self._random = Random(f"{seed} {cell}")
        self._directory = directory
        self._postgres = postgres
        self._faults: list[str] = []
        self.reached: list[str] = []

    def run(self, tell: Tell) -> Count:
        """Kill, wait until all is quiet, compare. What it found is also written into the folder."""
        with field_of(self._cell, self._directory, self._postgres) as field:
            sender = GithubSender(
                field.installation.port, threads=SENDERS, pause_seconds=PAUSE_SECONDS, doubled_every=DOUBLED_EVERY
            )
            with sender.sending():
                for kill in self._drawn():
                    self._carry_out(kill, field)
                    tell(f"{self._cell}: {kill.name}; {self._so_far(sender, field)}")
                field.wait_for(lambda: field.installation.is_up(), REACHED_SECONDS)
            tell(f"{self._cell}: waiting until all is quiet; {self._so_far(sender, field)}")
            with tables_of(field.installation.environment["GATEWAY_DATABASE_URL"]) as tables:
                field.wait_for(lambda: not (field.is_frozen or _unfinished(tables)), QUIET_SECONDS)
                evidence = _evidence(sender, field, tables)
            count = reckon(evidence)
            count.kills = len(self.reached)
            count.faults += self._faults
            self._write_down(evidence, count)
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

    def _write_down(self, evidence: Evidence, count: Count) -> None:
        """For looking into: what was killed in which order, what was sent, told and received."""
        kept = {
            "kills": self.reached,
            "count": vars(count),
            "acknowledged": evidence.acknowledged,
            "arrivals": evidence.arrivals,
            "calls": evidence.calls,
        }
        (self._directory / "round.json").write_text(json.dumps(kept, indent=1))


def _unfinished(tables: Tables) -> int:
    states = tables.states()
    return states.get("pending", 0) + states.get("leased", 0)


def _evidence(sender: GithubSender, field: Field, tables: Tables) -> Evidence:
    return Evidence(
        sent=sender.sent,
        acknowledged=sender.acknowledged,
        contradicted=sender.contradicted,
        events=tables.events(),
        unfinished=_unfinished(tables),
        dead=tables.states().get("dead", 0),
        arrivals={path: _arrivals(field.sink, path) for path in ("/app", "/ordered")},
        ordered=frozenset({"/ordered"}),
        calls=field.calls(),
    )


def _arrivals(sink: SinkThread, path: str) -> list[Arrival]:
    return [_arrival(one) for one in sink.at(path)]


def _arrival(one: Received) -> Arrival:
    body = json.loads(one.body)
    name, event, webhook = (one.header(key) or "" for key in ("x-github-delivery", "gateway-event-id", "webhook-id"))
    return Arrival(name, event, webhook, body["key"], body["number"])
