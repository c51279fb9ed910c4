"""The kinds of jobs that go through all that a tenant has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from gateway.deferred import deferred
from gateway.errors import Conflict
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_erasing = deferred("gateway.tenant_data.erasing")
_export = deferred("gateway.tenant_data.export")
_grants = deferred("gateway.oauth.ending.erasing")

TIMEOUT_SECONDS = 86_400.0


def _slug(payload: Mapping[str, Any]) -> str:
    return str(payload["tenant"])


def _erase(run: JobRun) -> Result:
    def before(tenant_id: str) -> None:
        _grants.revoke_all(run.installation, tenant_id, checkpoint=run.checkpoint)

    gone: Mapping[str, int] = {}
    for gone in _erasing.erase_tenant(run.begin_for_system, run.payload["tenant"], pause=run.sleep, before=before):
        run.progress(sum(gone.values()))
    return {"removed": gone}


def _export_nowhere(_run: JobRun) -> Result:
    raise Conflict("an export is written by the process that asked for it")


def _export_to(out: BinaryIO, run: JobRun) -> Result:
    counts: Mapping[str, int] = {}
    for counts in _export.export_tenant(run.begin, partial(run.begin, write=False), out):
        run.progress(sum(counts.values()))
    return {"lines": counts}


# Belongs to no tenant, since the tenant's jobs go with it.
ERASE = Kind(
    name="tenants.erase",
    payload="gateway.tenant_data.payloads:ErasePayload",
    run=_erase,
    timeout_seconds=TIMEOUT_SECONDS,
    uniqueness=_slug,
    gives_way=True,
)
EXPORT = Kind(
    name="tenants.export",
    payload="gateway.tenant_data.payloads:ExportPayload",
    run=_export_nowhere,
    timeout_seconds=TIMEOUT_SECONDS,
)


def export_to(out: BinaryIO) -> Kind:
    """`EXPORT`, for the process that has opened where the archive goes."""
    return replace(EXPORT, run=partial(_export_to, out))
