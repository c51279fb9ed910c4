"""One signed test request to a destination, sent as a worker would send a delivery, and kept nowhere.

Neither the circuit nor the pace of the destination hears of it. What the receiver answered is what its owner wants.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from gateway.clock import from_us
from gateway.deferred import deferred
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.decisions.target import Target
from gateway.delivery.destinations.rows import DestinationDefaults, judge_destination
from gateway.delivery.destinations.search import require_destination, require_http
from gateway.delivery.models import DestinationSecret
from gateway.delivery.queue.claimed import Claimed, ClaimedEvent
from gateway.delivery.sending.excerpts import without_told
from gateway.delivery.sending.request import OutgoingRequest, compose
from gateway.errors import Conflict
from gateway.events.models import SYSTEM_SOURCE
from gateway.events.system import DESTINATION_TEST
from gateway.installation import Installation
from gateway.out_of_order import OutOfOrder
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, Begin

if TYPE_CHECKING:
    from gateway.delivery.sending.sender import Sender

_sender = deferred("gateway.delivery.sending.sender")

# Somebody waits for it.
MAX_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SentTrial:
    """What became of a test request; `webhook_id` names it to the receiver, as a delivery's id would."""

    destination: str
    webhook_id: str
    result: AttemptResult

    @property
    def is_delivered(self) -> bool:
        """Whether a delivery would have been delivered."""
        return self.result.outcome is Outcome.DELIVERED


def send_trial(begin: Begin, name: str) -> SentTrial:
    """Send one request to a destination, switched off or not, and wait for the answer: never longer than half a minute.

    Raises `NotFound`, `InvalidInput` for a handler, and `Conflict` for a destination that is out of order.
    """
    with begin() as acting:
        target = _target(acting, name)
        installation = acting.installation
        webhook_id = new_id("dlv")
        request = _request(installation, target, webhook_id, acting.now_us)
        # Before it is sent: whoever asks may be killed before the answer.
        acting.audit("destination.tested", target.id, target.name, after={"webhook_id": webhook_id})
    timeout_seconds = min(target.timeout_seconds, MAX_TIMEOUT_SECONDS)
    result = asyncio.run(_send(installation, request, timeout_seconds))
    return SentTrial(target.name, webhook_id, without_told(result, target))


def _target(acting: Acting, name: str) -> Target:
    row = require_destination(acting.session, name)
    require_http(row)
    secrets = acting.session.scalars(select(DestinationSecret).where(DestinationSecret.destination_id == row.id)).all()
    installation = acting.installation
    keyring = installation.keyring_at_hand if secrets or row.sealed_headers is not None else None
    defaults = DestinationDefaults(installation.settings.delivery_schedule_seconds)
    judged = judge_destination(row, secrets, keyring, now_us=acting.now_us, defaults=defaults)
    if isinstance(judged, OutOfOrder):
        raise Conflict(f"{row.name!r} is out of order: {judged.detail}")
    return judged


def _request(installation: Installation, target: Target, webhook_id: str, now_us: int) -> OutgoingRequest:
    """As for a delivery of an event of the gateway's own."""
    event_id = new_id("evt")
    document = {
        "id": event_id,
        "type": DESTINATION_TEST,
        "timestamp": from_us(now_us).isoformat(),
        "data": {"destination_id": target.id, "destination": target.name},
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    event = ClaimedEvent(
        id=event_id,
        type=DESTINATION_TEST,
        source=SYSTEM_SOURCE,
        provider=SYSTEM_SOURCE,
        content_type="application/json",
        received_at_us=now_us,
        body_bytes=len(body),
        headers=b"[]",
        body=body,
    )
    claimed = Claimed(
        id=webhook_id,
        tenant_id=target.tenant_id,
        event_id=event_id,
        destination_id=target.id,
        attempt=1,
        schedule_position=0,
        lease_token="",
        lease_expires_at_us=0,
        payload_bytes=None,
        payload=None,
        event=event,
    )
    return compose(target, claimed, event, body, now_us=now_us, secret_headers=installation.secret_headers)


async def _send(installation: Installation, request: OutgoingRequest, timeout_seconds: float) -> AttemptResult:
    sender: Sender = _sender.Sender(
        clock=installation.clock, resolver=installation.resolver, policy=installation.policy
    )
    try:
        return await sender.send(request, timeout_seconds=timeout_seconds)
    finally:
        await sender.close()
