"""Whether an integration can be as it is wanted: by itself, and with what is there of connections and sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.errors import Fault, NotFound
from gateway.integrations.attributes import raise_faults
from gateway.integrations.management import draft as drafts
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.type import IntegrationType
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.search import require_source


def checked(
    acting: Acting, type_: IntegrationType, draft: IntegrationDraft, *, held: frozenset[str] = frozenset()
) -> IntegrationDraft:
    """`draft` as it is stored: without what goes along when secrets are pasted, with the id of its source.

    Raises `InvalidInput` with every fault.
    """
    tidied = replace(draft, secrets={key: value.strip() for key, value in draft.secrets.items()})
    plain_http = acting.installation.policy.allow_private
    found = drafts.faults(type_, tidied, held=held, plain_http=plain_http)
    source_id, more = _source(acting, tidied.source)
    raise_faults([*found, *_connection(acting, type_, tidied.connection), *more])
    return replace(tidied, source=source_id)


def _connection(acting: Acting, type_: IntegrationType, connection: str | None) -> Iterator[Fault]:
    if connection is None or not type_.providers:
        return
    try:
        row = require_connection(acting.session, connection)
    except NotFound as error:
        yield Fault("connection", "unknown", str(error))
        return
    if row.state == ConnectionState.REVOKED:
        yield Fault("connection", "unusable", f"the connection {connection!r} was revoked")
    yield from drafts.provider_faults(type_, row.provider)


def _source(acting: Acting, source: str | None) -> tuple[str | None, list[Fault]]:
    if source is None:
        return None, []
    try:
        return require_source(acting.session, source).id, []
    except NotFound as error:
        return None, [Fault("source", "unknown", str(error), hint=next(iter(error.hints), None))]
