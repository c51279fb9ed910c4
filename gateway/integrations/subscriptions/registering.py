"""When registrations are brought to what is wanted: at activation, with each look at an integration's health, and at
deactivation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeGuard

from gateway.clock import from_us
from gateway.errors import GatewayError, InvalidInput, StorageUnavailable
from gateway.integrations.bounded import bounds_of
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, open_instance, options_of, type_of
from gateway.integrations.registrations import Registrations, registrations_in
from gateway.integrations.requesting import request_sync
from gateway.integrations.states import Health, IntegrationState
from gateway.integrations.subscriptions.bringing import Bringing, Brought
from gateway.integrations.subscriptions.described import DESCRIPTIONS
from gateway.integrations.subscriptions.model import Description
from gateway.integrations.subscriptions.registrar import Registrar
from gateway.integrations.subscriptions.rows import SourceOfIt, change_kept, forget_kept, source_of
from gateway.integrations.subscriptions.wanted import Wanted, require_public, wanted
from gateway.integrations.type import CheckResult, WebhookApi
from gateway.jobs.run import JobRun

CHECK: Final = "webhooks"
TRIGGER: Final = "webhook_gap"
"""Of the sync that lists what came while no webhook told of it."""
LOOKED_EVERY: Final = timedelta(hours=1)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=6)
_ASKING_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Standing:
    """What there is. `description` is that of the source's provider, None where it can be told nothing."""

    source: SourceOfIt | None
    description: Description | None
    kept: Registrations | None


def subscribe(run: JobRun, material: Material) -> None:
    """Register what the integration wants, at its activation. Raises `GatewayError`: what was made until then is on
    record, and taken back by `unsubscribe`.
    """
    standing = _standing(run, material)
    if standing.kept is not None or _may_register(run, material, standing):
        _note(run, material, _brought(run, material, standing, looks=True), standing)


def maintain(run: JobRun, material: Material) -> Sequence[CheckResult]:
    """Look after what is registered: what is gone is made anew, and what was missed is listed. Away, the provider is
    left alone for longer each time. What that says of the integration's health; nothing where nothing is registered.

    Raises `StorageUnavailable`, `JobInterrupted`.
    """
    standing = _standing(run, material)
    kept, now = standing.kept, from_us(run.clock.now_us())
    if kept is None and not _may_register(run, material, standing):
        return ()
    if kept is not None and kept.retry_at is not None and now < kept.retry_at:
        return [_failing(kept)]
    try:
        done = _brought(run, material, standing, looks=_is_due(kept, now))
    except StorageUnavailable:
        raise
    except GatewayError as error:
        return [_failing(_note_failure(run, material, standing, error))]
    left = _note(run, material, done, standing)
    if left is not None:
        return [_working(left)]
    # What was said of them before does not stay.
    return () if kept is None else [CheckResult(CHECK, Health.HEALTHY, "none is registered")]


def unsubscribe(run: JobRun, material: Material) -> None:
    """Take back what is registered. Raises `GatewayError`: what could not be taken back stays on record."""
    standing = _standing(run, material)
    if standing.kept is None:
        return
    if standing.kept.by_key:
        done = _taken_back(run, material, standing.kept)
        _audit(run, material, done)
    forget_kept(run, material.id)


def pause_after(failures: int, told_seconds: float | None) -> timedelta:
    """How long a provider is left alone after so many failures in a row; it may have asked for longer. Pure."""
    pause: timedelta = FIRST_PAUSE * 2 ** min(failures - 1, 20)
    return min(max(pause, timedelta(seconds=told_seconds or 0)), LONGEST_PAUSE)


def _standing(run: JobRun, material: Material) -> _Standing:
    with run.begin(write=False) as acting:
        row = acting.session.get_one(Integration, material.id)
        source = source_of(acting, row)
        description = None if source is None else DESCRIPTIONS.get(source.provider)
        return _Standing(source, description, registrations_in(row.prepared))


def _may_register(run: JobRun, material: Material, standing: _Standing) -> bool:
    return standing.description is not None and options_of(run.installation, material).registers_webhooks


def _is_due(kept: Registrations | None, now: datetime) -> bool:
    return kept is None or kept.looked_at is None or now - kept.looked_at >= LOOKED_EVERY


@contextmanager
def _api(run: JobRun, material: Material) -> Iterator[WebhookApi | None]:
    """Where the system can be told."""
    type_ = type_of(run.installation, material)
    with open_instance(run.installation, material) as instance:
        ask = bounds_of(run.installation).call
        yield ask(material.id, _ASKING_SECONDS, lambda: type_.webhook_api(instance))


def _brought(run: JobRun, material: Material, standing: _Standing, *, looks: bool) -> Brought | None:
    """What was done; None where the system is another one than the source's provider."""
    source, description, kept = standing.source, standing.description, standing.kept
    if kept is not None and (source is None or kept.source_id != source.id):
        if kept.by_key:
            _audit(run, material, _taken_back(run, material, kept))
        forget_kept(run, material.id)
        kept = None
    if source is None or description is None:
        return None
    with _api(run, material) as api:
        if not _is_of(api, description, kept):
            return None
        expected: Mapping[str, Wanted] = {}
        options = options_of(run.installation, material)
        if options.registers_webhooks:
            require_public(run.installation.settings.base_url, api.provider, material.name)
            expected = wanted(description, api.lists, options, source.url)
        registrar = Registrar(description, api.client, run.clock)
        return Bringing(run, material.id, source, description, registrar).bring(expected, looks=looks)


def _taken_back(run: JobRun, material: Material, kept: Registrations) -> Brought:
    """Take back what is on record, whatever source it was for."""
    description = DESCRIPTIONS[kept.provider]
    with _api(run, material) as api:
        if not _is_of(api, description, kept):
            return Brought()
        source = SourceOfIt(id=kept.source_id, slug="", provider=kept.provider, url="")
        registrar = Registrar(description, api.client, run.clock)
        return Bringing(run, material.id, source, description, registrar).take_back_all()


def _is_of(api: WebhookApi | None, description: Description, kept: Registrations | None) -> TypeGuard[WebhookApi]:
    """Whether what is called is the provider that is described. Raises `InvalidInput` where it was, and something is
    registered there.
    """
    if api is not None and api.provider == description.api:
        return True
    if kept is not None and kept.by_key:
        raise InvalidInput(f"its webhooks are registered at {description.api}, which it does not call any more")
    return False


def _note(run: JobRun, material: Material, done: Brought | None, standing: _Standing) -> Registrations | None:
    """What is on record after it was well; a sync is asked for where webhooks may have been missed."""
    if done is None or standing.source is None:
        return None
    source = standing.source
    empty = Registrations(source_id=source.id, provider=source.provider)
    with run.begin() as acting:
        left = change_kept(
            acting,
            material.id,
            lambda kept: replace(
                kept,
                looked_at=acting.now if done.has_looked else kept.looked_at,
                failures=0,
                retry_at=None,
                error=None,
            ),
            empty,
        )
        row = acting.session.get_one(Integration, material.id)
        if done.is_gap and row.state == IntegrationState.ACTIVE:
            request_sync(acting, row, trigger=TRIGGER)
    _audit(run, material, done)
    if not left.by_key:
        forget_kept(run, material.id)
        return None
    return left


def _note_failure(run: JobRun, material: Material, standing: _Standing, error: GatewayError) -> Registrations:
    source = standing.source
    empty = Registrations(
        source_id="" if source is None else source.id, provider="" if source is None else source.provider
    )
    with run.begin() as acting:

        def change(kept: Registrations) -> Registrations:
            failures = kept.failures + 1
            pause = pause_after(failures, getattr(error, "retry_after_seconds", None))
            return replace(kept, failures=failures, retry_at=acting.now + pause, error=str(error))

        return change_kept(acting, material.id, change, empty)


def _audit(run: JobRun, material: Material, done: Brought) -> None:
    if not done.made and not done.removed:
        return
    with run.begin() as acting:
        if done.removed:
            acting.audit("integration.webhooks_removed", material.id, material.name, before={"webhooks": done.removed})
        if done.made:
            acting.audit("integration.webhooks_registered", material.id, material.name, after={"webhooks": done.made})


def _working(kept: Registrations) -> CheckResult:
    count = len(kept.by_key)
    message = f"{count} {'webhook is' if count == 1 else 'webhooks are'} registered"
    if kept.ends_at is not None:
        message += f", renewed before {kept.ends_at:%Y-%m-%d %H:%M} UTC"
    return CheckResult(CHECK, Health.HEALTHY, message)


def _failing(kept: Registrations) -> CheckResult:
    again = "" if kept.retry_at is None else f" (tried again from {kept.retry_at:%Y-%m-%d %H:%M} UTC on)"
    return CheckResult(CHECK, Health.DEGRADED, f"its webhooks could not be looked after: {kept.error}{again}")
