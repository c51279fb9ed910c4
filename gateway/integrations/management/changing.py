"""Changing an integration: of one that is active the new configuration is tried before it takes the old one's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import delete

from gateway.entities.models import SyncCursor
from gateway.errors import Conflict, GatewayError, InvalidInput
from gateway.installation import Installation
from gateway.integrations.bounded import bounds_of
from gateway.integrations.management.checking import checked
from gateway.integrations.management.draft import IntegrationChange, IntegrationDraft, merged
from gateway.integrations.management.storing import fill, note_changed, remember, store_secrets
from gateway.integrations.models import Integration
from gateway.integrations.opening import TEST_SECONDS, TRIAL, Material, material_of, open_instance, type_of
from gateway.integrations.registry import registry_of
from gateway.integrations.rows import require_integration
from gateway.integrations.schedules import keep_schedule
from gateway.integrations.states import IntegrationState
from gateway.integrations.summary import IntegrationSummary, summary
from gateway.integrations.type import Action
from gateway.kept import KEPT
from gateway.oauth import vault
from gateway.tenants.acting import Acting, Transactions

LIVE: Final = frozenset({IntegrationState.ACTIVE, IntegrationState.PAUSED})


class TrialFailed(GatewayError):
    """The new configuration does not work: the old one stays. The message says what was seen."""

    code = "integration_trial_failed"
    http_status = 422


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A change that has been checked, and what it would be tried with; `revision` is that which it changes."""

    draft: IntegrationDraft
    trial: Material | None = field(repr=False)
    revision: int


def change_integration(begin: Transactions, name: str, change: IntegrationChange) -> IntegrationSummary:
    """Change parts of an integration. One that changes nothing is no change.

    Raises `NotFound`, `InvalidInput`, `TrialFailed`, and `Conflict` where somebody else was quicker.
    """
    with begin(write=False) as acting:
        row = require_integration(acting.session, name)
        wanted = _wanted(acting, row, change)
        installation = acting.installation
        if wanted is None:
            return summary(acting, row)
    if wanted.trial is not None:
        try_configuration(installation, wanted.trial)
    with begin() as acting:
        row = require_integration(acting.session, name, lock=True)
        if row.revision != wanted.revision:
            raise Conflict(f"somebody else changed {row.name!r} meanwhile: look, and try again")
        return apply_change(acting, row, wanted.draft)


def try_configuration(installation: Installation, material: Material) -> None:
    """Ask the system by a configuration that is not stored yet. Raises `TrialFailed`."""
    type_ = type_of(installation, material)

    def ask() -> None:
        with open_instance(installation, material, timeout=TRIAL) as instance:
            type_.manage(instance, Action.UPDATE)

    try:
        bounds_of(installation).call(material.id, TEST_SECONDS, ask)
    except InvalidInput:
        raise
    except GatewayError as error:
        raise TrialFailed(f"with this configuration it does not work, and the old one stays: {error}") from error


def apply_change(acting: Acting, row: Integration, draft: IntegrationDraft) -> IntegrationSummary:
    """Store a draft that has been checked, in this transaction, which holds the row."""
    before = summary(acting, row)
    if row.configuration != draft.configuration or row.connection_id != draft.connection:
        # What is asked for may be another list: it is read from the beginning.
        known = delete(SyncCursor).where(SyncCursor.instance_id == row.id)
        acting.session.execute(known.execution_options(synchronize_session=False))
    remember(acting, row)
    fill(acting, row, draft)
    store_secrets(acting, row, draft.secrets)
    keep_schedule(acting, row)
    return note_changed(acting, row, "integration.changed", before)


def stored_draft(row: Integration) -> IntegrationDraft:
    """A stored integration as somebody would ask for it, without its secrets."""
    return IntegrationDraft(
        name=row.name,
        type=row.type,
        configuration=row.configuration,
        connection=row.connection_id,
        source=row.source_id,
        sync=row.sync,
        schedule=row.schedule,
    )


def changed_draft(row: Integration, change: IntegrationChange) -> IntegrationDraft:
    """What `row` is to be."""
    current = stored_draft(row)
    given: dict[str, Any] = {
        "configuration": merged(current.configuration, change.configuration),
        "sync": merged(current.sync, change.sync),
        "secrets": dict(change.secrets),
    }
    for name in ("connection", "source", "schedule"):
        if (value := getattr(change, name)) is not KEPT:
            given[name] = value
    return replace(current, **given)


def _wanted(acting: Acting, row: Integration, change: IntegrationChange) -> _Wanted | None:
    type_ = registry_of(acting.installation).require(row.type)
    held = frozenset(vault.fields(acting.session, row.id))
    draft = checked(acting, type_, changed_draft(row, change), held=held)
    if draft == stored_draft(row):
        return None
    trial = None
    if row.state in LIVE and _is_another_system(row, draft):
        trial = _with(material_of(acting.session, acting.installation, row), draft)
    return _Wanted(draft, trial, row.revision)


def _is_another_system(row: Integration, draft: IntegrationDraft) -> bool:
    """Whether what is asked, or with what credentials, would be different."""
    same = row.configuration == draft.configuration and row.connection_id == draft.connection
    return bool(draft.secrets) or not same


def _with(material: Material, draft: IntegrationDraft) -> Material:
    secrets: Mapping[str, str] = {**material.secrets, **draft.secrets}
    return replace(
        material, configuration=draft.configuration, secrets=secrets, connection_id=draft.connection, sync=draft.sync
    )
