"""A pipeline as a list that a sync reads: its records are made of entities of another integration, judged all before
any is loaded, and loaded page by page. Each loaded record is an entity here, which tells from which it came and what it
became.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from gateway.clients.errors import PositionExpired
from gateway.clock import Clock, from_us
from gateway.entities.content import is_same
from gateway.entities.external import (
    Abilities,
    Cursor,
    Loaded,
    Mapped,
    Position,
    Raw,
    RecordInvalid,
    RemotePage,
)
from gateway.entities.pulling.context import PullFailed
from gateway.errors import Fault
from gateway.integrations.kinds.read_only import ReadOnly
from gateway.integrations.kinds.sinces import read, written
from gateway.integrations.pipelines.entities import Entities, Held, Place, Subject, place_of
from gateway.integrations.pipelines.judging import Judge, Record
from gateway.integrations.pipelines.mapping import LINEAGE
from gateway.integrations.pipelines.target import CREATE, ID, NotLoaded, Order, Target
from gateway.integrations.pipelines.thresholds import Quality

OVERLAP: Final = timedelta(seconds=120)
"""What changed so shortly ago is read once more: its transaction may not have been over."""
IN_FLIGHT: Final = 4
BROKEN_RULES: Final = "quality_threshold"


class PipelineRecords(ReadOnly):
    """See the module. `deletes`: what is gone in the source is removed from the target too."""

    name = "records"
    abilities = Abilities(is_incremental=True, is_complete=False, looks_up=True)

    def __init__(
        self,
        entities: Entities,
        judge: Judge,
        target: Target,
        *,
        thresholds: Mapping[str, float],
        deletes: bool,
        clock: Clock,
    ) -> None:
        self.kind = entities.own.kind
        self._entities = entities
        self._judge = judge
        self._target = target
        self._thresholds = thresholds
        self._deletes = deletes
        self._clock = clock
        # What an earlier try was loading may be there without our knowing it.
        self._is_doubtful = True

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says. Before the first page all of them are judged. Raises `PullFailed` beyond a threshold."""
        since = None if cursor is None else read(cursor.get("at"))
        begun = from_us(self._clock.now_us()) if at is None else read(at.get("begun"))
        settled = begun - OVERLAP
        start = None if since is None else Place(since, "")
        self._require_quality(start)
        where = start if at is None else _place(at)
        for subjects, following in self._entities.pages(where):
            records, gone = self._raws(subjects)
            reached = settled if following is None else min(settled, following.at)
            position = None if following is None else {"place": following.document(), "begun": written(begun)}
            yield RemotePage(
                records=records,
                next=position,
                cursor={"at": written(reached if since is None else max(since, reached))},
                deleted=gone,
                requests=0,
            )

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        found = raw.get("id") if isinstance(raw, Mapping) else None
        return found if isinstance(found, str) else None

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        if self.identify(raw) is None or not isinstance(raw.get("values"), Mapping):
            raise RecordInvalid("it is no record of a pipeline", faults=(Fault("", "malformed", "it has no values"),))
        if raw.get("faults"):
            faults = tuple(Fault(one["field"], one["code"], one["message"]) for one in raw["faults"])
            raise RecordInvalid(faults[0].message, faults=faults)
        lineage = {"from": raw.get("from"), "to": raw.get("to")}
        return Mapped(integration_id=raw["id"], name=raw.get("name"), attributes={**raw["values"], LINEAGE: lineage})

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says: made anew of the entities as they are now."""
        records, _ = self._raws(self._entities.by_id(ids))
        made = {one["id"]: one for one in records}
        return {one: made.get(one) for one in ids}

    def load(self, records: Sequence[Mapped], gone: Sequence[str]) -> Loaded:
        """As the port says."""
        held = self._entities.held([*(one.integration_id for one in records), *gone])
        orders = self._orders(records, held)
        # Until it is known what came of all of them; a load that broke off leaves it so.
        was_doubtful, self._is_doubtful = self._is_doubtful, True
        came = self._carried_out(orders)
        loaded: list[Mapped] = []
        refused: list[tuple[Raw, Sequence[Fault]]] = []
        for one in records:
            result = came.get(one.integration_id)
            if isinstance(result, Fault):
                refused.append((_raw_of(one), [result]))
            else:
                loaded.append(one if result is None else _at(one, result))
        if self._deletes:
            refused += self._removed({one: held[one] for one in gone if one in held})
        self._is_doubtful = was_doubtful and not orders
        return Loaded(records=loaded, refused=refused)

    def _orders(self, records: Sequence[Mapped], held: Mapping[str, Held]) -> list[Order]:
        """What is to be loaded of some records: those that differ from what was loaded before."""
        due = [one for one in records if _is_due(one, held.get(one.integration_id), self._target.mode)]
        known = {one.integration_id: held[one.integration_id].target_id for one in due if one.integration_id in held}
        key = self._target.key
        keys = {} if key is None else {
            one.integration_id: str(one.attributes[key]) for one in due if known.get(one.integration_id) is None
        }  # fmt: skip
        found = self._found(key, sorted(set(keys.values()))) if key is not None and keys else {}
        orders = []
        for one in due:
            before = held.get(one.integration_id)
            values = {name: value for name, value in one.attributes.items() if name != LINEAGE}
            changed = values if before is None or before.target_id is None else _changed(values, before.values)
            orders.append(
                Order(
                    entity_id=one.integration_id,
                    name=one.name,
                    values=values,
                    changed=changed,
                    target_id=known.get(one.integration_id) or found.get(keys.get(one.integration_id, "")),
                    may_be_there=self._is_doubtful,
                )
            )
        return orders

    def _found(self, key: str, values: Sequence[str]) -> dict[str, str]:
        """The ids in the target of records that are there already, by key."""
        found = self._entities.targets(key, values)
        left = [one for one in values if one not in found]
        if key == ID and left and self._target.resource.abilities.looks_up:
            answers = self._target.resource.look_up(left)
            found |= {one: one for one, raw in answers.items() if raw is not None}
        return found

    def _carried_out(self, orders: Sequence[Order]) -> dict[str, str | Fault]:
        """What came of each, by its entity: the id in the target, or why it was refused."""
        if not orders:
            return {}
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pipeline") as pool:
            # All of them are over when the block is left; what one raised is raised after that.
            futures = {order.entity_id: pool.submit(self._load, order) for order in orders}
        return {entity_id: future.result() for entity_id, future in futures.items()}

    def _load(self, order: Order) -> str | Fault:
        try:
            return self._target.load(order)
        except NotLoaded as error:
            return error.fault

    def _removed(self, going: Mapping[str, Held]) -> list[tuple[Raw, Sequence[Fault]]]:
        refused: list[tuple[Raw, Sequence[Fault]]] = []
        for entity_id, held in going.items():
            if held.target_id is None:
                continue
            try:
                self._target.remove(entity_id, held.target_id, held.values)
            except NotLoaded as error:
                raw = {"id": entity_id, "name": held.name, "values": dict(held.values), "to": held.target_id}
                refused.append((raw, [error.fault]))
        return refused

    def _require_quality(self, start: Place | None) -> None:
        """Judge all that is about to be read. Raises `PullFailed` before anything is loaded."""
        quality = Quality()
        for subjects, _ in self._entities.pages(start):
            records, gone = self._judge.records(subjects)
            for record in records:
                quality.add(record.faults)
            if self._deletes and gone:
                quality.deleted += len(self._entities.held(gone))
        quality.held = self._entities.count_held() if quality.deleted else 0
        if exceeded := quality.exceeded(self._thresholds):
            raise PullFailed(BROKEN_RULES, f"nothing was loaded: {' and '.join(exceeded)}, more than its threshold")

    def _raws(self, subjects: Sequence[Subject]) -> tuple[list[Raw], list[str]]:
        """The records of entities, with where they were loaded before, and the ids of those that are gone."""
        records, gone = self._judge.records(subjects)
        held = self._entities.held([one.id for one in records]) if records else {}
        return [_raw(one, held.get(one.id)) for one in records], gone


def _raw(record: Record, held: Held | None) -> Raw:
    faults = [{"field": one.field, "code": one.code, "message": one.message} for one in record.faults]
    told: dict[str, Any] = {"id": record.id, "from": record.key, "name": record.name, "values": dict(record.values)}
    return told | {"to": None if held is None else held.target_id} | ({"faults": faults} if faults else {})


def _raw_of(one: Mapped) -> Raw:
    """The record that was mapped."""
    values = {name: value for name, value in one.attributes.items() if name != LINEAGE}
    return {"id": one.integration_id, "name": one.name, "values": values, **one.attributes[LINEAGE]}


def _at(one: Mapped, target_id: str) -> Mapped:
    """A record that is in the target."""
    lineage = {**one.attributes[LINEAGE], "to": target_id}
    return replace(one, attributes={**one.attributes, LINEAGE: lineage})


def _is_due(one: Mapped, held: Held | None, mode: str) -> bool:
    if held is None or held.target_id is None:
        return True
    values = {name: value for name, value in one.attributes.items() if name != LINEAGE}
    return mode != CREATE and (one.name != held.name or bool(_changed(values, held.values)))


def _changed(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Values that differ; what is no more among them is null in the target."""
    changed = {name: value for name, value in values.items() if name not in before or not is_same(value, before[name])}
    return changed | {name: None for name in before if name not in values}


def _place(at: Position) -> Place:
    found = at.get("place")
    if not isinstance(found, Mapping):
        raise PositionExpired("what the sync was to go on from cannot be read")
    return place_of(found)
