"""Exporting a tenant: all that it has, but for secrets, as one archive that is written as it is read.

Rows are read in pages, each in a transaction of its own, beside a running gateway: configuration is that of the moment
at which it is read, of events, deliveries and rejections those that were there at the beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from sqlalchemy import select

from gateway.clock import iso, to_us
from gateway.delivery.models import Attempt, Delivery
from gateway.events.blocks.bodies import STORED_BYTES, with_bodies
from gateway.events.models import Event
from gateway.security.identifiers import earliest_id
from gateway.tenant_data.archive import Archive, Lines
from gateway.tenant_data.exported import EXPORTED, ExportedTable, line_of
from gateway.tenants.acting import Acting, Begin
from gateway.tenants.schema import TenantSchema

FORMAT = "gateway-tenant-export"
VERSION = 1
PAGE_ROWS = 200


def export_tenant(changing: Begin, reading: Begin, out: BinaryIO) -> Iterator[Mapping[str, int]]:
    """Write everything of the tenant to `out`. After each page comes how many lines of each kind are written, the last
    value is the whole, and the archive is complete then; memory does not grow with it.

    That it was begun is audited before anything is written. Raises `NotFound`, `Conflict` (erasing),
    `StorageUnavailable`, and what `out` raises.
    """
    with changing() as acting:
        began, tenant = acting.now, acting.tenant
        acting.audit("tenant.exported", tenant.id, tenant.slug)
    counts: dict[str, int] = {}
    with Archive(out, f"{tenant.slug}-export", began) as archive:
        head = {"format": FORMAT, "version": VERSION, "exported_at": iso(began)}
        archive.add_document("export.json", head | {"tenant": TenantSchema().dump(tenant)})
        for table in EXPORTED:
            below = None if table.prefix is None else earliest_id(table.prefix, to_us(began))
            with Lines(archive, table.kind) as lines:
                position: Any = None
                while True:
                    with reading() as acting:
                        rows = _page(acting, table, position, below)
                        for line in _lines(acting, table, rows):
                            lines.write(line)
                            counts[table.kind] = counts.get(table.kind, 0) + 1
                    if rows:
                        yield counts
                    if len(rows) < PAGE_ROWS:
                        break
                    position = getattr(rows[-1], table.key.key)
        archive.add_document("complete.json", {"lines": counts})
    yield counts


def _page(acting: Acting, table: ExportedTable, position: Any, below: str | None) -> Sequence[Any]:
    """Some rows of the tenant by their key; of events without the bodies."""
    owner: Any = table.model
    columns = [getattr(owner, column.key) for column in table.model.__table__.columns]
    if table.model is Event:
        columns = [column for column in columns if column.key != "body"] + [STORED_BYTES]
    statement = select(*columns).where(owner.tenant_id == acting.session.tenant_id)
    if position is not None:
        statement = statement.where(table.key > position)
    if below is not None:
        statement = statement.where(table.key < below)
    return acting.session.execute(statement.order_by(table.key).limit(PAGE_ROWS)).all()


def _lines(acting: Acting, table: ExportedTable, rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    proofs = acting.installation.proof_headers
    if table.model is Event:
        for row, body in with_bodies(acting.session.connection(), rows):
            columns = {**row._mapping, "body": body}
            yield line_of(columns, {STORED_BYTES.key}, proofs)
        return
    attempts = _attempts(acting, rows) if table.model is Delivery else None
    for row in rows:
        line = line_of(dict(row._mapping), table.hidden, proofs)
        yield line if attempts is None else line | {"attempts": attempts[row.id]}


def _attempts(acting: Acting, deliveries: Sequence[Any]) -> Mapping[str, list[dict[str, Any]]]:
    """The attempts of each delivery, in their order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    columns = [getattr(Attempt, column.key) for column in Attempt.__table__.columns]
    statement = select(*columns).where(Attempt.delivery_id.in_([row.id for row in deliveries]))
    for row in acting.session.execute(statement.order_by(Attempt.delivery_id, Attempt.number)):
        found[row.delivery_id].append(line_of(dict(row._mapping), {"delivery_id"}, ()))
    return found
