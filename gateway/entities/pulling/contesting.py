"""Records of entities that have local edits, or were deleted here: what it comes to is for `reconciling` to carry out,
and is told here beforehand, for plans and counts.
"""

from __future__ import annotations

from gateway.entities.cases import Case
from gateway.entities.external import Mapped
from gateway.entities.merging import merge
from gateway.entities.reconciling import take_external, take_gone
from gateway.entities.rules import Rules
from gateway.entities.trail import Trail


def is_conflict(case: Case, mapped: Mapped | None, rules: Rules, *, can_create: bool) -> bool:
    """Whether a person will have to decide. `mapped` None: it is gone there. Pure."""
    if case.is_in_flight:
        return False
    if mapped is None:
        is_open = rules.options.deletes == "manual" or (rules.options.deletes == "edit_wins" and not can_create)
        return case.entity.deleted_at is None and is_open
    if case.is_deletion:
        return rules.options.deletes == "manual"
    merged = merge(
        case.base,
        case.entity.attributes,
        mapped.attributes,
        rules,
        local_at=case.edited_at,
        external_at=mapped.updated_at,
    )
    return bool(merged.conflicts)


def settle(trail: Trail, case: Case, mapped: Mapped | None, rules: Rules, *, can_create: bool) -> None:
    """Take it in. `trail` is written by who calls."""
    if mapped is None:
        take_gone(trail, case, rules, can_create=can_create)
    else:
        take_external(trail, case, mapped, rules)
