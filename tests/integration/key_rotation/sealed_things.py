"""An installation with something sealed in every place, by one key; and looking for what a key is needed for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import select, update

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import Base
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import Delivery, DeliveryState
from gateway.events.at_rest import request_context
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.kind import Result
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import OnProgress
from gateway.jobs.summary import JobSummary
from gateway.key_rotation.kind import ROTATE
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.management import add_app
from gateway.security.sealed_text import seal_value
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.idempotency.requests import Answer, Claim, claim, keep_answer, mark_of
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER
from tests.services.rows import store_event, store_rejection

MARK = mark_of(tenant_id=DEFAULT_TENANT_ID, sender="key_1", key="k", asked=[b"what"])
# What somebody sent that only looks like one of ours.
STRANGE = b"gateway-sealed." + b"A" * 53 + b"."


def with_keys(settings: Settings, *keys: str) -> Installation:
    """An installation with these keys; the first one seals."""
    return Installation(replace(settings, encryption_keys=keys))


def furnish(installation: Installation) -> int:
    """Something sealed in every place; how many values."""
    with act(installation, actor=TESTER, write=True) as acting:
        add_source(acting, SourceDraft("github", "github", credentials={"secret": "s-1"}))
        headers = (("Authorization", "Bearer h-1"),)
        add_destination(acting, DestinationDraft("app", "http://127.0.0.1:9/", headers=headers))
        add_app(acting, AppDraft("apps", "github", client_id="id-1", client_secret="a-1"))
    _answer(installation)
    _requests(installation)
    return 5 + 3 + 3 + 1


def _answer(installation: Installation) -> None:
    held = claim(installation.database, installation.keyring, MARK, now_us=installation.clock.now_us())
    assert isinstance(held, Claim)
    with act(installation, actor=TESTER, write=True) as acting:
        keep_answer(acting.session, acting.keyring, held, Answer(201, (), b"told once"))


def _requests(installation: Installation) -> None:
    def sealed(value: bytes) -> bytes:
        return seal_value(installation.keyring, value, context=request_context(DEFAULT_TENANT_ID, "github"))

    now = installation.now()
    database = installation.database
    store_event(database, now, states=[DeliveryState.PENDING])
    event_id = store_event(database, now, states=[DeliveryState.PENDING])
    store_rejection(database, now)
    headers = json.dumps([["X-Token", sealed(b"t-1").decode()]]).encode()
    url = f"http://127.0.0.1:8000/webhooks/github?token={sealed(b't-2').decode()}"
    body = b'{"token": "' + sealed(b"t-3") + b'", "other": "' + STRANGE + b'"}'
    with database.write() as connection:
        connection.execute(update(Event).where(Event.id == event_id).values(url=url, headers=headers, body=body))
        connection.execute(update(Rejection).values(url=url, headers=headers, body=body))
        delivery = update(Delivery).where(Delivery.event_id == event_id).values(payload=b"[" + sealed(b"t-4") + b"]")
        connection.execute(delivery)


def rotate(
    installation: Installation, *, forget: bool = False, key: str | None = None, on_progress: OnProgress | None = None
) -> Result:
    """Have everything sealed anew, in this process."""

    def ask(holder: Holder) -> JobSummary:
        payload = {"key": key or installation.keyring.ids[0], "forget": forget}
        with act_for_system(installation, actor=TESTER, write=True) as acting:
            return request_job(acting, ROTATE, payload, holder=holder)

    def tell(done: int, total: int | None, line: str | None) -> None:
        if on_progress is not None:
            on_progress(done, total, line)

    return carry_out_here(installation, ROTATE, ask, actor=TESTER, on_progress=tell)


def sealed_with(database: Database, key_id: str) -> list[str]:
    """The columns in which something is sealed with this key, wherever in the database."""
    prefix = b"\x01" + bytes.fromhex(key_id)
    # Nine bytes are twelve characters of base64.
    signs = (prefix, b"gateway-sealed." + base64.urlsafe_b64encode(prefix))
    return sorted({place for place, value in _values(database) if any(sign in value for sign in signs)})


def _values(database: Database) -> Iterator[tuple[str, bytes]]:
    with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    yield f"{table.name}.{name}", value if isinstance(value, bytes) else str(value).encode()
