"""`/sources`: inbound endpoints, their credentials and their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope
from gateway.webhooks.samples.schema import SampleDraftSchema, SentSampleSchema
from gateway.webhooks.samples.sending import SentSample, send_to_source
from gateway.webhooks.sources import management, removal, search
from gateway.webhooks.sources.draft_schema import (
    CredentialDraftSchema,
    SourceChangeSchema,
    SourceDraftSchema,
    credential_draft,
    source_change,
    source_draft,
)
from gateway.webhooks.sources.management import SourceWithSecret
from gateway.webhooks.sources.schema import SourceSchema, SourceWithSecretSchema
from gateway.webhooks.sources.summary import SourceSummary

READ, WRITE = Scope.SOURCES_READ, Scope.SOURCES_WRITE
GITHUB: Mapping[str, Any] = {
    "id": "src_06bk7e8v3s9p41pf7j0q5m2c8g",
    "slug": "github",
    "provider": "github",
    "scheme": None,
    "options": {},
    "allowed_ips": [],
    "rate_per_second": None,
    "refuse_replays": None,
    "redeliver_duplicates": False,
    "retention_days": None,
    "replays": "refused",
    "credentials": [{"kind": "secret", "created_at": "2026-11-27T12:00:00.000Z", "expires_at": None}],
    "pending_handshake": False,
    "confirmed_at": None,
    "confirmed_from": None,
    "confirmed_request_id": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "disabled_at": None,
    "url": "https://hooks.example.com/webhooks/github",
    "state": "enabled",
    "out_of_order": None,
}
SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"  # noqa: S105 (an example)

resource = Resource("sources", "Inbound endpoints, one for each account at a provider.")


@resource.list("/sources", scope=READ, answer=SourceSchema, example=GITHUB)
def list_sources(acting: Acting, page: PageRequest) -> Page[SourceSummary]:
    """List sources, by slug."""
    return search.find_sources(acting, page)


@resource.post(
    "/sources",
    scope=WRITE,
    body=SourceDraftSchema,
    body_example={"slug": "github", "provider": "github", "generate_secret": True},
    answer=SourceWithSecretSchema,
    status=201,
    example={**GITHUB, "secret": SECRET},
)
def add_source(acting: Acting, body: Mapping[str, Any]) -> SourceWithSecret:
    """Add a source.

    A secret that is made is in this answer only: enter it at the provider, with the source's `url`.
    """
    return management.add_source(acting, source_draft(body))


@resource.get("/sources/<source>", scope=READ, answer=SourceSchema, example=GITHUB)
def show_source(acting: Acting, source: str) -> SourceSummary:
    """Show a source."""
    return search.show_source(acting, source)


@resource.patch(
    "/sources/<source>",
    scope=WRITE,
    current=search.show_source,
    body=SourceChangeSchema,
    body_example={"allowed_ips": ["192.30.252.0/22"]},
    answer=SourceSchema,
    example={**GITHUB, "allowed_ips": ["192.30.252.0/22"]},
)
def change_source(acting: Acting, source: str, body: Mapping[str, Any]) -> SourceSummary:
    """Change a source.

    What is not named stays as it is. Credentials are changed by `rotate`.
    """
    return management.change_source(acting, source, source_change(body))


@resource.delete("/sources/<source>", scope=WRITE, current=search.show_source, current_as=SourceSchema)
def remove_source(acting: Acting, source: str) -> None:
    """Forget a source and its credentials.

    Its requests are answered 404 from then on. What it received stays in the journal. Refused while routes take its
    events.
    """
    removal.remove_source(acting, source)


@resource.post(
    "/sources/<source>/rotate",
    scope=WRITE,
    body=CredentialDraftSchema,
    body_example={"generate": True, "overlap": "24h"},
    answer=SourceWithSecretSchema,
    example={**GITHUB, "secret": SECRET},
)
def rotate_source(acting: Acting, source: str, body: Mapping[str, Any]) -> SourceWithSecret:
    """Give a source another credential.

    It counts at once, and those of its kind for the overlap more.
    """
    return management.rotate_credential(acting, source, credential_draft(body))


@resource.post("/sources/<source>/enable", scope=WRITE, answer=SourceSchema, example=GITHUB)
def enable_source(acting: Acting, source: str) -> SourceSummary:
    """Receive again."""
    return management.enable_source(acting, source)


@resource.post(
    "/sources/<source>/disable",
    scope=WRITE,
    answer=SourceSchema,
    example={**GITHUB, "disabled_at": "2026-11-27T12:05:00.000Z", "state": "disabled"},
)
def disable_source(acting: Acting, source: str) -> SourceSummary:
    """Answer a source's requests with 410."""
    return management.disable_source(acting, source)


@resource.post(
    "/sources/<source>/test",
    scope=WRITE,
    opens=True,
    body=SampleDraftSchema,
    body_example={"type": "push"},
    answer=SentSampleSchema,
    example={
        "source": "github",
        "type": "push",
        "url": "https://hooks.example.com/webhooks/github",
        "status": 200,
        "answer": '{"status": "accepted", "event_id": "evt_06bk7e8v3s9p41pf7j0q5m2c8g"}',
        "event_id": "evt_06bk7e8v3s9p41pf7j0q5m2c8g",
    },
)
def test_source(begin: Transactions, source: str, body: Mapping[str, Any]) -> SentSample:
    """Send a signed sample to a source.

    It is signed as the provider would, with what the source holds, and posted to the source's URL: what comes of it is
    an event like any other. `status` and `answer` are what the provider would have seen.
    """
    given = body.get("body")
    return send_to_source(begin, source, body.get("type"), body=None if given is None else given.encode())
