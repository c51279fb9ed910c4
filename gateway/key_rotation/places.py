"""Every place in the database where something is sealed, and what it is tied to there.

A contract test holds that nothing is sealed anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Label, select

from gateway.db.model import Base
from gateway.delivery.destinations.secrets import headers_context, secret_context
from gateway.delivery.models import Delivery, Destination, DestinationSecret
from gateway.events.at_rest import request_context
from gateway.events.models import Event
from gateway.oauth.models import Flow, VaultEntry
from gateway.oauth.vault import entry_context
from gateway.tenants.idempotency.models import IdempotentRequest
from gateway.tenants.idempotency.requests import answer_context
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.credentials import credential_context
from gateway.webhooks.sources.models import SourceCredential

Context = Callable[[Any], Sequence[str]]
"""A row → what its sealed values are tied to."""


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of one table. `told_by` are further columns that `context` needs.

    `context` None: it is not sealed anew, because it ends by itself soon. `is_within`: sealed values stand inside of
    texts (`security.sealed_text`), else the column is one.
    """

    model: type[Base]
    columns: Sequence[str]
    context: Context | None
    told_by: Sequence[ColumnElement[Any]] = ()
    is_within: bool = False

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


def _of_request(row: Any) -> Sequence[str]:
    return request_context(row.tenant_id, row.source)


def _source_of_delivery() -> Label[Any]:
    # A reshaped payload has what its event had.
    return select(Event.source).where(Event.id == Delivery.event_id).scalar_subquery().label("source")


PLACES: tuple[Place, ...] = (
    Place(
        VaultEntry,
        ("sealed_value",),
        lambda row: entry_context(row.tenant_id, row.owner_id, row.field),
        (VaultEntry.tenant_id.expression,),
    ),
    Place(
        SourceCredential,
        ("sealed_value",),
        lambda row: credential_context(row.tenant_id, row.source_id, row.kind),
        (
            SourceCredential.tenant_id.expression,
            SourceCredential.source_id.expression,
            SourceCredential.kind.expression,
        ),
    ),
    Place(
        DestinationSecret,
        ("sealed_value",),
        lambda row: secret_context(row.tenant_id, row.destination_id),
        (DestinationSecret.tenant_id.expression, DestinationSecret.destination_id.expression),
    ),
    Place(
        Destination,
        ("sealed_headers",),
        lambda row: headers_context(row.tenant_id, row.id),
        (Destination.tenant_id.expression,),
    ),
    Place(
        IdempotentRequest,
        ("sealed_answer",),
        lambda row: answer_context(row.tenant_id, row.id),
        (IdempotentRequest.tenant_id.expression,),
    ),
    Place(Flow, ("sealed",), None),
    Place(
        Rejection,
        ("url", "headers", "body"),
        _of_request,
        (Rejection.tenant_id.expression, Rejection.source.expression),
        is_within=True,
    ),
    Place(Delivery, ("payload",), _of_request, (Delivery.tenant_id.expression, _source_of_delivery()), is_within=True),
    Place(
        Event,
        ("url", "headers", "body"),
        _of_request,
        (Event.tenant_id.expression, Event.source.expression),
        is_within=True,
    ),
)
