"""From entities of the source to records, each with what is wrong with it: by itself, and among all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Fault
from gateway.integrations.pipelines.entities import Entities, Listed, Subject
from gateway.integrations.pipelines.mapping import Transform
from gateway.integrations.pipelines.rules import Reference, Rule, is_empty, judge, no_reference, not_unique
from gateway.integrations.pipelines.taken_values import TakenValues


@dataclass(slots=True)
class Record:
    """What an entity becomes. `id` is the entity's own, `key` what people call it by."""

    id: str
    key: str
    name: str | None
    values: Mapping[str, Any]
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """How a pipeline makes records. `references` are the lists that rules refer to."""

    transform: Transform
    rules: Mapping[str, Rule]
    references: Mapping[Reference, Listed]
    entities: Entities
    taken: TakenValues

    def records(self, subjects: Sequence[Subject]) -> tuple[list[Record], list[str]]:
        """The records of some entities, and the ids of those that are gone, or are not for this pipeline."""
        self.taken.meet([one.id for one in subjects])
        records: list[Record] = []
        gone: list[str] = []
        for subject in subjects:
            made = None if subject.is_deleted else self.transform.apply(subject.entity)
            if made is None or made.is_left_out:
                gone.append(subject.id)
                continue
            faults = list(made.faults) or judge(made.values, self.rules)
            records.append(Record(subject.id, subject.entity["key"], made.name, made.values, faults))
        for name, rule in self.rules.items():
            if rule.unique:
                self._require_unique(name, records)
            if rule.reference is not None:
                self._require_reference(name, rule.reference, records)
        return records, gone

    def _require_unique(self, name: str, records: Sequence[Record]) -> None:
        having = list(_having(name, records))
        holders = self.entities.holders(name, {value for value, _ in having}) if having else {}
        known = sorted({holder for found in holders.values() for holder in found})
        met = self.taken.are_met(known) if known else set()
        for value, record in having:
            # Who is read in this run has what it has now; the others keep what was loaded.
            others = holders.get(value, set()) - met - {record.id}
            if others or self.taken.take(name, value, record.id) != record.id:
                record.faults.append(not_unique(name))

    def _require_reference(self, name: str, reference: Reference, records: Sequence[Record]) -> None:
        having = list(_having(name, records))
        there = self.entities.there(self.references[reference], {value for value, _ in having}) if having else set()
        for value, record in having:
            if value not in there:
                record.faults.append(no_reference(name, reference))


def _having(name: str, records: Sequence[Record]) -> Iterator[tuple[str, Record]]:
    """Records that are sound so far and have a value there, with it as text."""
    for record in records:
        value = record.values.get(name)
        if not record.faults and not is_empty(value):
            yield str(value), record
