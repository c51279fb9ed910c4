"""What runs inside a handler process: loading the application's modules, and one call at a time.

The worker's side is `handler_process`. Nothing here may raise: what goes wrong is told as a value, because an exception
of the application may not survive the way to another process.
"""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from gateway.clock import from_us
from gateway.handlers import REGISTRY, HandlerEvent, PermanentFailure, describe, import_fault
from gateway.security.sealed_text import MARK

READY = "ready"
BEGAN = "began"
RETURNED = "returned"
FAILED = "failed"
PERMANENT = "permanent"

_import_faults: list[str] = []


class HandlerCall(NamedTuple):
    """A handler's event as it crosses to its process. `headers` is the journal's JSON."""

    handler: str
    event_id: str
    event_type: str | None
    source: str
    provider: str
    tenant: str
    received_at_us: int
    attempt: int
    headers: bytes
    body: bytes
    access_token: str | None = None


def serve(descriptor: int, modules: Sequence[str]) -> None:
    """The life of a handler process: import `modules`, say so, and call what comes through the pipe, for as long as its
    other end is open. Of each call it is told first that it begins, and then how it ended.
    """
    pipe = Connection(descriptor)
    threading.Thread(target=_end_with, args=(descriptor,), name="parent-watch", daemon=True).start()
    _import_faults.extend(fault for module in modules if (fault := import_fault(module)) is not None)
    pipe.send(READY)
    while True:
        handler_call = pipe.recv()
        pipe.send(BEGAN)
        pipe.send(call(handler_call))


def call(handler_call: HandlerCall) -> tuple[str, str | None]:
    """Call the handler: how it ended, and the error."""
    function = REGISTRY.function(handler_call.handler)
    if function is None:
        known = "; ".join([f"handler {handler_call.handler} is not known to this worker", *_import_faults])
        return FAILED, f"{known}: is its module in GATEWAY_HANDLERS?"
    try:
        function(_event(handler_call))
    except PermanentFailure as failure:
        return PERMANENT, describe(failure)
    except (Exception, SystemExit) as error:  # whatever the application's function raises
        return FAILED, describe(error)
    return RETURNED, None


def _event(handler_call: HandlerCall) -> HandlerEvent:
    return HandlerEvent(
        id=handler_call.event_id,
        type=handler_call.event_type,
        source=handler_call.source,
        provider=handler_call.provider,
        tenant=handler_call.tenant,
        received_at=from_us(handler_call.received_at_us),
        headers=tuple(_shown(json.loads(handler_call.headers))),
        body=handler_call.body,
        attempt=handler_call.attempt,
        access_token=handler_call.access_token,
    )


def _shown(pairs: Iterable[Sequence[object]]) -> Iterator[tuple[str, str]]:
    """The headers without those whose secret is kept sealed."""
    return ((str(name), str(value)) for name, value in pairs if MARK not in str(value))


def _end_with(descriptor: int) -> None:
    """End as soon as nobody holds the other end of the pipe, whatever the handler is doing."""
    hangup = select.poll()
    hangup.register(descriptor, 0)
    hangup.poll()
    os._exit(1)
