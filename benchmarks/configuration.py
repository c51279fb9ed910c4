"""Loading the configuration of many tenants: at first, after one route changed, and what it holds in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice

import psutil
from sqlalchemy import insert, update

from benchmarks.databases import gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.report import Row, Target
from benchmarks.samples import SECRET
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import Base
from gateway.delivery.destinations.secrets import seal_secret
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret, Route
from gateway.installation import Installation
from gateway.security.sealing import Keyring, generate_key
from gateway.security.tokens import generate_signing_secret
from gateway.tenants.models import Tenant
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.sources.credentials import seal_credential
from gateway.webhooks.sources.models import Source, SourceCredential

TENANTS = 1_000
SOURCES_PER_TENANT = 10
ROWS_PER_STATEMENT = 1_000
LOAD_TARGET = Target(1.0, at_most=True)
CHANGE_TARGET = Target(0.25, at_most=True)
MEMORY_TARGET = Target(60.0, at_most=True)
MEGABYTE = 1 << 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options.runs)]


def _measure(kind: str, runs: int) -> Sequence[Row]:
    loads, changes, sizes = [], [], []
    with workplace() as (_, directory), gateway_database(kind, directory) as url:
        settings = Settings(database_url=url, encryption_keys=(generate_key(),))
        with Installation(settings) as installation:
            _fill(installation.database, installation.keyring)
            settle(url)
        for number in range(runs):
            with Installation(settings) as installation:
                snapshot = inbound_of(installation).ingest.snapshot
                before = _resident_megabytes()
                loads.append(_seconds(snapshot.refresh))
                sizes.append(_resident_megabytes() - before)
                with installation.database.system_session(write=True) as session:
                    session.execute(update(Route).where(Route.id == "rte_7_7").values(where=f"ref != '{number}'"))
                changes.append(_seconds(snapshot.refresh))
            progress(
                f"configuration {kind} run {number + 1}: load {loads[-1]:.2f} s, change of a route {changes[-1]:.2f} s"
            )
    return (
        Row(f"load of {TENANTS * SOURCES_PER_TENANT} sources", kind, "s", loads, target=LOAD_TARGET),
        Row("after a route changed", kind, "s", changes, target=CHANGE_TARGET),
        # Later runs find memory that the first one left.
        Row("memory of it", kind, "MB", sizes[:1], target=MEMORY_TARGET),
    )


def _seconds(refresh: Callable[[], bool]) -> float:
    gc.collect()
    began = time.perf_counter()
    assert refresh()
    return time.perf_counter() - began


def _resident_megabytes() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MEGABYTE


def _fill(database: Database, keyring: Keyring) -> None:
    """Each source with a secret, a destination with a secret, and a filtered route between the two."""
    tenants = [f"ten_{number}" for number in range(TENANTS)]
    _insert(database, Tenant, [{"id": id_, "slug": id_.replace("_", "-"), "created_at": NOW} for id_ in tenants])
    names = [(tenant, f"{tenant[4:]}_{number}") for tenant in tenants for number in range(SOURCES_PER_TENANT)]
    since = {"created_at": NOW, "updated_at": NOW}
    _insert(database, Source, [_source(tenant, name) | since for tenant, name in names])
    _insert(database, SourceCredential, [_credential(keyring, tenant, name) for tenant, name in names])
    _insert(database, Destination, [_destination(tenant, name) | since for tenant, name in names])
    _insert(database, DestinationSecret, [_secret(keyring, tenant, name) for tenant, name in names])
    _insert(database, Route, [_route(tenant, name) for tenant, name in names])


def _insert(database: Database, table: type[Base], rows: Sequence[dict[str, object]]) -> None:
    left = iter(rows)
    while some := list(islice(left, ROWS_PER_STATEMENT)):
        with database.system_session(write=True) as session:
            session.execute(insert(table), some)


def _source(tenant: str, name: str) -> dict[str, object]:
    return {
        "id": f"src_{name}",
        "tenant_id": tenant,
        "slug": f"github-{name}",
        "provider": "github",
        "scheme": "sha256",
        "options": {},
        "allowed_ips": [],
        "pending_handshake": False,
    }


def _credential(keyring: Keyring, tenant: str, name: str) -> dict[str, object]:
    source = f"src_{name}"
    sealed = seal_credential(keyring, tenant_id=tenant, source_id=source, kind="secret", value=SECRET)
    return {
        "id": f"crd_{name}",
        "tenant_id": tenant,
        "source_id": source,
        "kind": "secret",
        "sealed_value": sealed,
        "created_at": NOW,
    }


def _destination(tenant: str, name: str) -> dict[str, object]:
    return {
        "id": f"dst_{name}",
        "tenant_id": tenant,
        "name": f"app-{name}",
        "kind": DestinationKind.HTTP,
        "url": f"https://app.example.com/{name}",
        "fatal_statuses": [],
    }


def _secret(keyring: Keyring, tenant: str, name: str) -> dict[str, object]:
    destination = f"dst_{name}"
    sealed = seal_secret(keyring, tenant_id=tenant, destination_id=destination, value=generate_signing_secret())
    return {
        "id": f"dsc_{name}",
        "tenant_id": tenant,
        "destination_id": destination,
        "sealed_value": sealed,
        "created_at": NOW,
    }


def _route(tenant: str, name: str) -> dict[str, object]:
    return {
        "id": f"rte_{name}",
        "tenant_id": tenant,
        "source": f"github-{name}",
        "event_types": ["pull_request.*"],
        "where": "action == 'opened'",
        "destination_id": f"dst_{name}",
        "created_at": NOW,
    }
