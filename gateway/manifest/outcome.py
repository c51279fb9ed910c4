"""Carrying out a manifest, or only looking what that would do: one use case for who need not be asked in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import Fault
from gateway.manifest.apply import Applied, apply_plan, make_plan, try_plan
from gateway.manifest.plan import Change, Thing
from gateway.manifest.reading import Manifest
from gateway.tenants.acting import Transactions
from gateway.webhooks.route_trials import Trial


@dataclass(frozen=True, slots=True)
class Outcome:
    """The changes that were `applied`, or would be; what the manifest does not speak of; what its new and changed
    routes make of samples and of the last events; the signing secrets of new destinations, to be shown this once.
    """

    changes: Sequence[Change]
    not_in_file: Sequence[Thing]
    trials: Mapping[str, Trial]
    applied: bool
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def outcome_of(applied: Applied, trials: Mapping[str, Trial], *, is_applied: bool) -> Outcome:
    """What came of it, as it is shown."""
    return Outcome(applied.plan.changes, applied.plan.not_in_file, trials, is_applied, applied.new_secrets)


def carry_out(
    begin: Transactions,
    manifest: Manifest,
    shape_faults: Sequence[Fault],
    *,
    only_plan: bool,
    prune: bool = False,
    allow_empty: bool = False,
) -> Outcome:
    """Bring everything to what `manifest` says, in one transaction; routes are tried in another one, which only reads.

    Raises `ManifestRefused` with every fault.
    """
    with begin(write=not only_plan) as acting:
        plan = make_plan(acting, manifest, shape_faults, prune=prune, allow_empty=allow_empty)
        applied = Applied(plan) if only_plan else apply_plan(acting, plan)
    with begin(write=False) as acting:
        trials = try_plan(acting, plan, manifest)
    return outcome_of(applied, trials, is_applied=not only_plan)
