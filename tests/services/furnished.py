"""A tenant that has some of everything, all of it under names that no other tenant has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from gateway.clock import iso
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.replays.kind import REPLAY
from gateway.delivery.routes.draft import RouteDraft
from gateway.entities.states import RunState
from gateway.installation import Installation
from gateway.integrations.management.adding import add_integration
from gateway.integrations.management.draft import IntegrationDraft
from gateway.oauth.adding.draft import ConnectionDraft
from gateway.oauth.adding.management import add_connection
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.management import add_app
from gateway.tenants.acting import Acting, act, act_for_system
from gateway.tenants.api_keys.management import KeyDraft, create_key
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.draft import TenantChange
from gateway.tenants.management import change_tenant
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER
from tests.services.rows import store_event, store_job, store_rejection, store_schedule
from tests.services.sync_rows import store_conflict, store_entity, store_quarantined, store_run

# Where the examples of the API send browsers back to.
ORIGIN = "https://app.example.com"


@dataclass(frozen=True)
class Furnished:
    """What a tenant has: by kind, each thing by its id first and then by its name. `secrets` are told to nobody."""

    things: dict[str, tuple[str, ...]]
    secrets: tuple[str, ...] = field(repr=False)
    word: str


def furnish(installation: Installation, tenant: str, mark: str, *, scope: str = "admin") -> Furnished:
    """Give `tenant` one thing of each kind. `mark` stands in each name, secret and body."""
    kinds = ("hub", "app", "way", "ci", "nightly", "word")
    source, destination, route, key, schedule, word = (f"{mark}-{kind}" for kind in kinds)
    secret, header = f"{mark}-secret-of-the-source", f"{mark}-secret-of-the-header"
    with act_for_system(installation, actor=TESTER, write=True) as operator:
        change_tenant(operator, tenant, TenantChange({}, (ORIGIN,)))
    with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
        credentials = {"secret": secret}
        source_id = add_source(acting, SourceDraft(source, "github", credentials=credentials)).source.id
        made = add_destination(
            acting,
            DestinationDraft(destination, "http://127.0.0.1:9/hook", headers=(("Authorization", header),)),
        )
        route_id = add_route(acting, RouteDraft(source, destination, name=route)).id
        made_key = create_key(acting, KeyDraft(key, (scope,), None))
        tenant_id = acting.tenant.id
    app_credentials, app_secret = f"{mark}-grants", f"{mark}-secret-of-the-app"
    connection_key = f"{mark}-key-of-the-connection"
    connection_id = _connection(installation, tenant, f"{mark}-customer", connection_key)
    app_id = _app_credentials(installation, tenant, app_credentials, app_secret)
    token = f"{mark}-secret-of-the-integration"
    synced = _integration(installation, tenant, mark, token)
    event_id = store_event(
        installation.database,
        installation.now(),
        source=source,
        source_id=source_id,
        body=f'{{"said": "{word}"}}'.encode(),
        states=[DeliveryState.DEAD],
        destination_id=made.destination.id,
        tenant_id=tenant_id,
        attempts=1,
    )
    rejection_id = store_rejection(
        installation.database, installation.now(), source=source, source_id=source_id, tenant_id=tenant_id
    )
    # Of a kind that a tenant's keys may have carried out.
    payload = REPLAY.loaded({"until": iso(installation.now()), "again": "none"})
    replay: dict[str, Any] = {"kind": REPLAY.name, "payload": payload}
    job_id = store_job(installation.database, installation.now(), tenant_id=tenant_id, **replay)
    schedule_id = store_schedule(installation.database, installation.now(), schedule, tenant_id=tenant_id, **replay)
    with act(installation, actor=TESTER, tenant=tenant) as acting:
        [delivery_id] = (one.id for one in acting.session.query(Delivery) if one.event_id == event_id)
        entry_id = next(one.id for one in acting.session.query(AuditRow) if one.object_id == source_id)
    return Furnished(
        {
            "source": (source_id, source),
            "destination": (made.destination.id, destination),
            "app": (app_id, app_credentials),
            "connection": (connection_id, f"{mark}-customer"),
            "route": (route_id, route),
            "event": (event_id,),
            "delivery": (delivery_id,),
            "rejection": (rejection_id,),
            "job": (job_id,),
            "schedule": (schedule_id, schedule),
            "key": (made_key.summary.id, key),
            "entry": (entry_id,),
            **synced,
        },
        (secret, header, connection_key, app_secret, token, made.secret, made_key.key),
        word,
    )


def _app_credentials(installation: Installation, tenant: str, name: str, secret: str) -> str:
    """App credentials of `tenant`; their id."""
    draft = AppDraft(name, "github", client_id=f"{name}-client", client_secret=secret)
    with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
        return add_app(acting, draft).id


def _connection(installation: Installation, tenant: str, reference: str, key: str) -> str:
    """A connection of `tenant`, to a port of this machine at which nothing listens; its id."""

    def begin(*, write: bool = True) -> AbstractContextManager[Acting]:
        return act(installation, actor=TESTER, tenant=tenant, write=write)

    parameters = {"host": "127.0.0.1"}
    draft = ConnectionDraft(
        provider="gitlab", values={"key": key}, parameters=parameters, reference=reference, is_tested=False
    )
    return add_connection(begin, draft).connection.id


def _integration(installation: Installation, tenant: str, mark: str, token: str) -> dict[str, tuple[str, ...]]:
    """An integration of `tenant`, with a system at which nothing listens, and one thing of each kind that it leaves."""
    name, lamp = f"{mark}-home", f"light.{mark}"
    draft = IntegrationDraft(
        name=name,
        type="home_assistant",
        configuration={"base_url": "http://127.0.0.1:9"},
        secrets={"token": token},
        schedule="15m",
    )
    with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
        made = add_integration(acting, draft).id
        tenant_id = acting.tenant.id
    place = (installation.database, installation.now(), made)
    entity = store_entity(*place, integration_id=lamp, tenant_id=tenant_id)
    return {
        "integration": (made, name),
        "entity": (entity, f"{name}:{lamp}"),
        "conflict": (store_conflict(*place, entity, tenant_id=tenant_id),),
        "sync_run": (store_run(*place, RunState.HELD, tenant_id=tenant_id),),
        "record": (store_quarantined(*place, tenant_id=tenant_id),),
    }
