"""Exporting a tenant: all of it, nobody else's, no secret, and in flat memory."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from gateway.clock import FakeClock, iso
from gateway.config import Settings
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import DeliveryState
from gateway.delivery.routes.draft import RouteDraft
from gateway.errors import Conflict
from gateway.installation import Installation
from gateway.security.tokens import random_slug
from gateway.tenant_data.export import export_tenant
from gateway.tenants.acting import act
from gateway.tenants.models import Tenant
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER, add_tenant
from tests.services.rows import store_event, store_rejection

SECRET = "hunter2-hunter2"
SLUG = random_slug()


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    # Ids follow the machine's clock.
    with Installation(settings, clock=FakeClock(datetime.now(UTC))) as made:
        yield made


def export(installation: Installation, slug: str = "acme") -> tuple[bytes, dict[str, int]]:
    out = io.BytesIO()
    begin = partial(act, installation, actor=TESTER, tenant=slug)
    *_, counts = export_tenant(partial(begin, write=True), begin, out)
    return out.getvalue(), dict(counts)


def files(archive: bytes) -> dict[str, bytes]:
    """The files by their names, in their order."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def lines(archive: bytes, kind: str) -> list[dict[str, Any]]:
    found = [data for name, data in files(archive).items() if name.startswith(f"acme-export/{kind}-0")]
    return [json.loads(line) for data in found for line in data.splitlines()]


def furnish(installation: Installation, tenant_id: str, slug: str, body: bytes) -> str:
    begin = partial(act, installation, actor=TESTER, tenant=slug, write=True)
    with begin() as acting:
        add_source(acting, SourceDraft(SLUG, "github", credentials={"secret": SECRET}))
        url = f"https://example.com/in?key={SECRET}"
        add_destination(acting, DestinationDraft("app", url, headers=(("X-Api-Key", SECRET),)))
        add_route(acting, RouteDraft(SLUG, "app"))
    at = installation.now() - timedelta(seconds=5)
    store_rejection(installation.database, at, tenant_id=tenant_id)
    return store_event(
        installation.database, at, states=[DeliveryState.DEAD], tenant_id=tenant_id, attempts=2, body=body
    )


def test_all_that_a_tenant_has_and_nothing_of_anybody_else(installation: Installation) -> None:
    tenant_id = add_tenant(installation.database, installation.clock, "acme")  # type: ignore[arg-type]
    body = b"\x00\xff not text \r\n"
    event_id = furnish(installation, tenant_id, "acme", body)
    furnish(installation, "ten_default", "default", b"of default")
    archive, counts = export(installation)
    assert counts == {
        "sources": 1, "destinations": 1, "routes": 1, "events": 1, "deliveries": 1, "rejections": 1, "audit": 4,
    }  # fmt: skip
    found = files(archive)
    assert list(found) == [
        f"acme-export/{name}"
        for name in ("export.json", *(f"{kind}-000001.ndjson" for kind in counts), "complete.json")
    ]
    head = json.loads(found["acme-export/export.json"])
    assert (head["format"], head["version"], head["tenant"]["slug"]) == ("gateway-tenant-export", 1, "acme")
    assert head["exported_at"] == iso(installation.now())
    assert json.loads(found["acme-export/complete.json"]) == {"lines": counts}
    [event] = lines(archive, "events")
    assert (event["id"], base64.b64decode(event["body_base64"]), event["body_bytes"]) == (event_id, body, len(body))
    assert event["headers"] == [["Content-Type", "application/json"], ["Authorization", "[redacted]"]]
    [delivery] = lines(archive, "deliveries")
    assert (delivery["event_id"], delivery["payload_base64"]) == (event_id, None)
    assert [one["number"] for one in delivery["attempts"]] == [1, 2]
    [destination] = lines(archive, "destinations")
    assert (destination["name"], destination["url"]) == ("app", "https://example.com/in?key=…")
    assert [one["action"] for one in lines(archive, "audit")][-1] == "tenant.exported"
    everything = b"".join(found.values())
    for secret in (SECRET, SLUG, "very-secret", "of default", "ten_default", "sealed_headers", "lease_token"):
        assert secret.encode() not in everything, secret


def test_many_pages_and_parts_are_whole(installation: Installation) -> None:
    tenant_id = add_tenant(installation.database, installation.clock, "acme")  # type: ignore[arg-type]
    at = installation.now() - timedelta(minutes=5)
    stored = [
        store_event(installation.database, at + timedelta(milliseconds=number), tenant_id=tenant_id, body=b"x" * 50_000)
        for number in range(405)
    ]
    # What comes after the beginning is not meant, or an export might never end.
    store_event(installation.database, installation.now() + timedelta(minutes=1), tenant_id=tenant_id)
    archive, counts = export(installation)
    assert [one["id"] for one in lines(archive, "events")] == stored
    assert counts["events"] == 405
    assert sum(name.startswith("acme-export/events-") for name in files(archive)) > 2


def test_memory_does_not_grow_with_it(installation: Installation) -> None:
    tenant_id = add_tenant(installation.database, installation.clock, "acme")  # type: ignore[arg-type]
    at = installation.now() - timedelta(minutes=5)
    body = bytes(range(256)) * 4096
    for number in range(60):
        store_event(installation.database, at + timedelta(seconds=number), tenant_id=tenant_id, body=body)

    class Nowhere(io.RawIOBase):
        def write(self, data: Any) -> int:
            return len(data)

    begin = partial(act, installation, actor=TESTER, tenant="acme")
    tracemalloc.start()
    for _ in export_tenant(partial(begin, write=True), begin, Nowhere()):  # type: ignore[arg-type]
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 60 MB of bodies are 80 MB in base64.
    assert peak < 45_000_000


def test_an_export_that_is_broken_off_says_nothing_of_being_complete(installation: Installation) -> None:
    tenant_id = add_tenant(installation.database, installation.clock, "acme")  # type: ignore[arg-type]
    furnish(installation, tenant_id, "acme", b"{}")
    begin = partial(act, installation, actor=TESTER, tenant="acme")
    out = io.BytesIO()
    steps = export_tenant(partial(begin, write=True), begin, out)
    next(steps), next(steps)
    steps.close()  # type: ignore[attr-defined]
    whole, _ = export(installation)
    assert [b"complete.json" in zlib.decompressobj(31).decompress(data) for data in (out.getvalue(), whole)] == [
        False,
        True,
    ]


def test_a_tenant_that_is_being_erased_is_not_exported(installation: Installation) -> None:
    tenant_id = add_tenant(installation.database, installation.clock, "acme")  # type: ignore[arg-type]
    with installation.database.system_session(write=True) as session:
        tenant = session.get(Tenant, tenant_id)
        assert tenant is not None
        tenant.erasing_at = installation.now()
    with pytest.raises(Conflict, match="being erased"):
        export(installation)
