"""The kinds of jobs that change many deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_carrying_out = deferred("gateway.delivery.bulk.carrying_out")

TIMEOUT_SECONDS = 86_400.0


def _retry(run: JobRun) -> Result:
    result: Result = _carrying_out.retry(run)
    return result


def _cancel(run: JobRun) -> Result:
    result: Result = _carrying_out.cancel(run)
    return result


RETRY = Kind(
    name="deliveries.retry",
    scope=Scope.DELIVERIES_WRITE,
    payload="gateway.delivery.bulk.payloads:RetryPayload",
    run=_retry,
    timeout_seconds=TIMEOUT_SECONDS,
    gives_way=True,
)
CANCEL = Kind(
    name="deliveries.cancel",
    scope=Scope.DELIVERIES_WRITE,
    payload="gateway.delivery.bulk.payloads:CancelPayload",
    run=_cancel,
    timeout_seconds=TIMEOUT_SECONDS,
    gives_way=True,
)
