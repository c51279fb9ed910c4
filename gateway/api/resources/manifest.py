"""`/manifest`: all configuration in one document, as `gateway apply` takes it from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.api.declaring import Resource
from gateway.api.door import require_of_caller
from gateway.manifest.export import export
from gateway.manifest.outcome import Outcome, carry_out
from gateway.manifest.present import present_of
from gateway.manifest.reading import MAX_BYTES, ManifestSchema, manifest_of
from gateway.manifest.schema import ExportedSchema, OutcomeSchema
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope

# Those that every caller may see who may see the manifest.
API_SECTIONS = ("sources", "destinations", "routes")

resource = Resource(
    "manifest", "Sources, destinations, routes and app credentials in one document, applied all or nothing."
)


class ManifestQuery(Schema):
    """How to apply it."""

    plan = fields.Boolean(load_default=False, metadata={"description": "Say what would change, and change nothing."})
    prune = fields.Boolean(load_default=False, metadata={"description": "Also remove routes that it does not have."})
    allow_empty = fields.Boolean(
        load_default=False, metadata={"description": "With prune: without routes it removes all of them."}
    )


@resource.get(
    "/manifest",
    scope=(Scope.SOURCES_READ, Scope.DESTINATIONS_READ, Scope.ROUTES_READ),
    answer=ExportedSchema,
    example={
        "sources": [{"slug": "github", "provider": "github", "scheme": "sha256"}],
        "destinations": [{"name": "app", "url": "https://app.example.com/events"}],
        "routes": [{"name": "reviews", "source": "github", "types": ["pull_request.*"], "to": "app"}],
    },
)
def export_manifest(acting: Acting) -> Mapping[str, Any]:
    """Show sources, destinations and routes as a manifest.

    Secrets and headers are left out: put back, it leaves those as they are.
    """
    document = export(present_of(acting), names_variables=False, sections=API_SECTIONS).document
    return {section: document.get(section, []) for section in API_SECTIONS}


@resource.put(
    "/manifest",
    scope=(Scope.SOURCES_WRITE, Scope.DESTINATIONS_WRITE, Scope.ROUTES_WRITE),
    opens=True,
    query=ManifestQuery,
    body=ManifestSchema,
    body_example={
        "sources": [{"slug": "github", "provider": "github", "secret": "a secret of at least some length"}],
        "destinations": [{"name": "app", "url": "https://app.example.com/events"}],
        "routes": [{"name": "reviews", "source": "github", "types": ["pull_request.*"], "to": "app"}],
        "app_credentials": [
            {"name": "github-app", "provider": "github", "client_id": "Iv1.8a61f9b3a7aba766", "client_secret": "secret"}
        ],
    },
    max_body_bytes=MAX_BYTES,
    answer=OutcomeSchema,
    example={
        "changes": [
            {
                "action": "update",
                "kind": "source",
                "name": "github",
                "detail": None,
                "fields": ["allowed_ips"],
                "differences": [{"field": "allowed_ips", "before": [], "after": ["192.30.252.0/22"]}],
            }
        ],
        "not_in_file": [],
        "trials": {},
        "applied": True,
        "secrets": {},
    },
)
def apply_manifest(begin: Transactions, query: Mapping[str, Any], body: Mapping[str, Any]) -> Outcome:
    """Bring sources, destinations, routes and app credentials to what a manifest says.

    All of it or nothing; the same again changes nothing. What it does not speak of is left alone, and so are routes
    unless `prune` is given. Secrets stand in it in the clear: variables are for files.
    App credentials in it need the scope `app-credentials:write` too.
    """
    if body["app_credentials"]:
        require_of_caller([Scope.APP_CREDENTIALS_WRITE])
    manifest, found = manifest_of(body)
    return carry_out(
        begin, manifest, found, only_plan=query["plan"], prune=query["prune"], allow_empty=query["allow_empty"]
    )
