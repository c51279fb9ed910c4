"""What a page's records and deletions mean for the entities that are there: read here, written elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Table, select, text
from sqlalchemy.orm import Session

from gateway.entities.cases import Case, cases_of
from gateway.entities.content import COLUMNS, changed_fields
from gateway.entities.external import Direction, External, ExternalResource
from gateway.entities.marks import creating, is_made_by
from gateway.entities.models import IS_UNSETTLED, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.contesting import is_conflict
from gateway.entities.pulling.deciding import LOCAL, Gone, Step, step_of, step_of_gone
from gateway.entities.pulling.judging import Taken
from gateway.entities.rules import Rules, rules_of
from gateway.entities.store.known import Known, known_of, rows_of

_CHANGES: Table = LocalChange.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is pulled: a resource of an integration, in a run. `is_conditional`: its versions are sent with writes.
    `can_create`: what is gone there can be made there anew.
    """

    external: External
    resource: str
    rules: Rules
    is_conditional: bool
    can_create: bool
    run_id: str

    @property
    def kind(self) -> str:
        """What its entities are called."""
        return self.rules.kind

    @property
    def options(self) -> SyncOptions:
        """How the integration syncs."""
        return self.rules.options


def scope_of(external: External, resource: ExternalResource, options: SyncOptions, run_id: str) -> Scope:
    """What is pulled of a resource."""
    return Scope(
        external=external,
        resource=resource.name,
        rules=rules_of(resource, options),
        is_conditional=resource.abilities.is_conditional,
        can_create="create" in resource.abilities.writes,
        run_id=run_id,
    )


CONTESTED = frozenset({Step.MERGE, Step.CONTEST, Step.LOSE})
"""What concerns edits of both sides."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with an entity that is there. `row` is how it was, `fields` are `(before, after)` by name. `taken`
    is what the system says, None where it says that it is gone. `case` has the local edits where there are any, and
    `is_conflict` says that a person will have to decide.
    """

    step: Step
    row: Mapping[str, Any]
    taken: Taken | None = None
    merged_into: str | None = None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    case: Case | None = None
    is_conflict: bool = False


@dataclass(slots=True)
class Prepared:
    """What a page comes to. `echoes` are records that a push is just making: it knows of them already."""

    created: list[Taken] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    versions: list[tuple[Known, Taken]] = field(default_factory=list)
    echoes: list[str] = field(default_factory=list)
    unchanged: int = 0


class View(Protocol):
    """What is there, before a page: in the database, and for a plan what it would have made of it so far."""

    def known(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Known]:
        """Those of these external ids that there are, tombstones too."""

    def rows(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """The whole rows of entities, by their ids."""

    def leaving(self, ids: Sequence[str]) -> Collection[str]:
        """Those of them, deleted here, of which their system has not been told yet."""

    def cases(self, ids: Sequence[str]) -> Mapping[str, Case]:
        """Entities with their local edits, by their ids."""

    def creating(self, scope: Scope) -> Sequence[LocalChange]:
        """What pushes are just making there."""


class Stored:
    """The view of what is in the database. `lock`: rows are about to be written."""

    def __init__(self, session: Session, *, lock: bool) -> None:
        self._session, self._connection, self._lock = session, session.connection(), lock

    def known(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Known]:
        return known_of(self._connection, scope.external.instance_id, scope.kind, ids)

    def rows(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return rows_of(self._connection, ids, lock=self._lock)

    def leaving(self, ids: Sequence[str]) -> Collection[str]:
        waiting = select(_CHANGES.c.entity_id).where(_CHANGES.c.entity_id.in_(ids), text(IS_UNSETTLED))
        return frozenset(self._connection.execute(waiting).scalars())

    def cases(self, ids: Sequence[str]) -> Mapping[str, Case]:
        return cases_of(self._session, ids, lock=self._lock)

    def creating(self, scope: Scope) -> Sequence[LocalChange]:
        return creating(self._session, scope.external.instance_id)


def prepare(view: View, scope: Scope, records: Sequence[Taken], gone: Sequence[Gone]) -> Prepared:
    """Look at what there is, in batches."""
    prepared = Prepared()
    size = scope.options.batch
    for start in range(0, len(records), size):
        _sort(view, scope, prepared, records[start : start + size])
    for start in range(0, len(gone), size):
        _sort_gone(view, scope, prepared, gone[start : start + size])
    return prepared


def _sort(view: View, scope: Scope, prepared: Prepared, records: Sequence[Taken]) -> None:
    known = view.known(scope, [one.mapped.integration_id for one in records])
    deleted = [one.id for one in known.values() if one.deleted_by == LOCAL]
    leaving = view.leaving(deleted) if deleted else ()
    changed: list[tuple[Step, Known, Taken]] = []
    for one in records:
        there = known.get(one.mapped.integration_id)
        is_leaving = there is not None and there.id in leaving
        step = step_of(one, there, is_conditional=scope.is_conditional, is_leaving=is_leaving)
        if there is None:
            prepared.created.append(one)
        elif step is Step.NOTHING:
            prepared.unchanged += 1
        elif step is Step.VERSION:
            prepared.versions.append((there, one))
            prepared.unchanged += 1
        else:
            changed.append((step, there, one))
    rows = view.rows([there.id for _, there, _ in changed])
    cases = _cases(view, [(step, there) for step, there, _ in changed])
    for step, there, one in changed:
        row, case = rows[there.id], cases.get(there.id)
        fields = fields_changed(row, one, scope.rules)
        if step is Step.UPDATE and not fields:
            # It differs in what is ours alone.
            prepared.versions.append((there, one))
            prepared.unchanged += 1
        elif case is None:
            prepared.changes.append(Change(step, row, one, fields=fields))
        else:
            conflict = is_conflict(case, one.mapped, scope.rules, can_create=scope.can_create)
            prepared.changes.append(Change(step, row, one, fields=fields, case=case, is_conflict=conflict))
    _leave_echoes(view, scope, prepared)


def _cases(view: View, changed: Sequence[tuple[Step, Known]]) -> Mapping[str, Case]:
    contested = [known.id for step, known in changed if step in CONTESTED]
    return view.cases(contested) if contested else {}


def _leave_echoes(view: View, scope: Scope, prepared: Prepared) -> None:
    """What is new may be what a push makes at this moment, whose answer is not there yet."""
    making = view.creating(scope) if prepared.created else ()
    if making:
        echoes = {
            one.mapped.integration_id
            for one in prepared.created
            if any(is_made_by(edit, one.mapped) for edit in making)
        }
        prepared.created = [one for one in prepared.created if one.mapped.integration_id not in echoes]
        prepared.echoes += sorted(echoes)


def _sort_gone(view: View, scope: Scope, prepared: Prepared, gone: Sequence[Gone]) -> None:
    known = view.known(scope, [one.integration_id for one in gone])
    going = []
    for one in gone:
        there = known.get(one.integration_id)
        step = step_of_gone(one, there)
        if there is not None and step is not Step.NOTHING:
            going.append((step, there, one))
    rows = view.rows([there.id for _, there, _ in going])
    cases = _cases(view, [(step, there) for step, there, _ in going])
    for step, there, one in going:
        case = cases.get(there.id)
        conflict = case is not None and is_conflict(case, None, scope.rules, can_create=scope.can_create)
        prepared.changes.append(
            Change(step, rows[there.id], merged_into=one.merged_into, case=case, is_conflict=conflict)
        )


def fields_changed(row: Mapping[str, Any], taken: Taken, rules: Rules) -> dict[str, tuple[Any, Any]]:
    """What differs between an entity and what its system says, by name."""
    mapped = taken.mapped
    attributes = attributes_after(row["attributes"], mapped.attributes, rules)
    columns = {name: (row[name], getattr(mapped, name)) for name in COLUMNS if row[name] != getattr(mapped, name)}
    return columns | changed_fields(row["attributes"], attributes)


def attributes_after(before: Mapping[str, Any], external: Mapping[str, Any], rules: Rules) -> Mapping[str, Any]:
    """The attributes of an entity without local edits, by what its system says: those that are ours alone stay."""
    if not rules.have_ours_alone:
        return external
    ours = {name for name in {**before, **external} if rules.of(name).direction is Direction.PUSH}
    kept = {name: value for name, value in before.items() if name in ours}
    return {**{name: value for name, value in external.items() if name not in ours}, **kept}
