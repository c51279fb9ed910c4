"""No secret of a run is found in the database's own bytes: requests of every scheme of the catalogue, accepted and
refused, at their own source, at another's and at none; destinations, and endpoints that answer with all they got.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web

from gateway.clock import FakeClock, SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.db.revisions import EVERY_KIND
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.loader import RoutingLoader
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.worker.worker import Worker
from gateway.errors import InvalidInput
from gateway.events.search import show_event
from gateway.installation import Installation
from gateway.outgoing.resolver import StaticResolver
from gateway.tenants.acting import Acting, act
from gateway.webhooks.arrival import Answer, Arrival
from gateway.webhooks.explain.asking import explain_rejection
from gateway.webhooks.explain.finding import Cause
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.progress import wait_for_answer
from gateway.webhooks.rejections.search import show_rejection
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.integration.delivery.sinks import Sink
from tests.services.acting import TESTER
from tests.services.no_grants import NoGrants
from tests.services.tables import Tables

VECTORS = Path(__file__).parents[1] / "fixtures" / "vectors.jsonl"
# Its secret is the address itself: the slug, by which the source is found.
NOT_HERE = {"secret-url"}
CREDENTIALS = ("public_key", "username", "password")
# What stands where a sender puts it by mistake; `basic` as a user name and password are written.
MISTAKES = (
    ("?pwd={quoted}", (), b"{}"),
    ("", (("x-key", "{secret}"), ("referer", "https://shop.example.com/?a={quoted}")), b"{}"),
    ("?v={plus}", (("x-auth", "Basic {basic}"),), b'{"token": {json}, "deep": [{json}]}'),
    ("", (("content-type", "application/x-www-form-urlencoded"),), b"a=1&my-field={plus}&b=2"),
)
NOT_OPTIONS = {*CREDENTIALS, "secrets", "certs", "root_certs", "jwks", "pending_handshake"}


class Vector(NamedTuple):
    """A signed request of the fixtures, for a source of its own."""

    slug: str
    provider: str
    scheme: str | None
    expect: str
    now_us: int
    config: Mapping[str, Any]
    request: Mapping[str, Any]

    def arrival(self, number: int, *, source: str | None = None) -> Arrival:
        """The request from an address of its own, for its own source or another."""
        return Arrival(
            tenant="default",
            source=source or self.slug,
            method=self.request["method"],
            url=self.request["url"],
            headers=tuple((name.lower(), value) for name, value in self.request["headers"]),
            body=base64.b64decode(self.request["body_b64"]),
            client_address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            request_id=f"req_{number}",
            received_at_us=self.now_us,
            began=0.0,
        )


class Played:
    """The installation after the run, and what was secret in it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.secrets: set[str] = set()
        self.own: dict[str, str] = {}
        self.answers: list[tuple[Vector, Answer]] = []

    def begin(self) -> Any:
        return act(self.installation, actor=TESTER, write=True)


def vectors() -> Iterator[Vector]:
    for number, line in enumerate(VECTORS.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        if row["provider"] not in NOT_HERE and row["case"] != "tampered_body":
            slug = f"src_{number:032d}"
            now_us = int(row["clock"]) * 1_000_000
            yield Vector(slug, row["provider"], row.get("scheme"), row["expect"], now_us, row["config"], row["request"])


def add(acting: Acting, played: Played, vector: Vector) -> None:
    """The source of `vector`, as a person would add it. Raises `InvalidInput`."""
    config, catalogue = vector.config, acting.installation.catalogue
    given = {kind: config[kind] for kind in CREDENTIALS if isinstance(config.get(kind), str)}
    if config.get("secrets"):
        given["secret"] = config["secrets"][0]
    options = {name: value for name, value in config.items() if name not in NOT_OPTIONS}
    draft = SourceDraft(
        slug=vector.slug,
        provider=vector.provider,
        scheme=vector.scheme if catalogue[vector.provider].webhook.choose == "operator" else None,
        credentials=given,
        options=options,
    )
    add_source(acting, draft)
    played.secrets.update(secret for secret in (given.get("secret"), given.get("password")) if secret)
    own = given.get("secret") or given.get("password")
    if own:
        played.own[vector.slug] = own
    if "username" in given:
        played.secrets.add(f"{given['username']}:{given['password']}")


def play(installation: Installation) -> Played:
    """Every vector at its own source, accepted ones also at one that signs otherwise, and where there is no source."""
    played = Played(installation)
    known = []
    with played.begin() as acting:
        for vector in vectors():
            # Without a binding that its vectors leave out such a source cannot be there.
            with suppress(InvalidInput):
                add(acting, played, vector)
                known.append(vector)
    ingest = inbound_of(installation).ingest
    number = 0
    pending = []
    for vector in known:
        elsewhere = (known[0].slug, "nobody") if vector.expect == "accept" else ()
        for source in (vector.slug, *elsewhere):
            number += 1
            pending.append((vector, ingest.begin(vector.arrival(number, source=source))))
        if number % 100 < 3:
            ingest.rejections.flush(20)
    for slug, secret in sorted(played.own.items()):
        for mistake in MISTAKES:
            number += 1
            pending.append((known[0], ingest.begin(misplaced(slug, secret, mistake, number))))
        ingest.rejections.flush(20)
    played.answers = [(vector, wait_for_answer(progress)) for vector, progress in pending]
    assert ingest.rejections.flush(20)
    return played


def misplaced(slug: str, secret: str, mistake: tuple[str, tuple[tuple[str, str], ...], bytes], number: int) -> Arrival:
    """A request that has the source's secret where nobody looks for one."""
    query, headers, body = mistake
    written = {
        "{secret}": secret,
        "{quoted}": quote(secret, safe=""),
        "{plus}": quote_plus(secret),
        "{basic}": base64.b64encode(f"somebody:{secret}".encode()).decode(),
        "{json}": json.dumps(secret),
    }

    def filled(text: str) -> str:
        for name, value in written.items():
            text = text.replace(name, value)
        return text

    return Arrival(
        tenant="default",
        source=slug,
        method="POST",
        url=f"http://x/webhooks/{slug}{filled(query)}",
        headers=tuple((name, filled(value)) for name, value in headers),
        body=filled(body.decode()).encode(),
        client_address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        request_id=f"req_{number}",
        received_at_us=1,
        began=0.0,
    )


def spellings(secret: str) -> Iterator[bytes]:
    """The ways in which a secret may stand somewhere."""
    raw = secret.encode()
    yield from (raw, json.dumps(secret)[1:-1].encode(), secret.encode("latin-1", "replace"))
    yield from (quote(secret, safe="").encode(), quote_plus(secret).encode())
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    yield from (encode(raw).rstrip(b"=") for encode in (base64.b64encode, base64.urlsafe_b64encode))


def leaks(data: bytes, found: set[str]) -> dict[str, bytes]:
    """Which of the secrets are in `data`, and in what form. Bytes are written in hex in a dump of PostgreSQL."""
    forms = {form: secret for secret in found for form in spellings(secret)}
    return {secret: form for form, secret in forms.items() if form in data or form.hex().encode() in data}


def raw_bytes(database: Database) -> bytes:
    """SQLite's files as they are on the disk; a dump of everything on PostgreSQL."""
    path = sqlite_path(database.engine)
    if path is not None:
        beside = sorted(one for one in path.parent.glob(f"{path.name}*") if one.is_file())
        assert {one.name.removeprefix(path.name) for one in beside} >= {"", "-wal"}
        return b"".join(one.read_bytes() for one in beside)
    dumped = []
    with database.read() as connection:
        driver: Any = connection.connection.driver_connection
        tables = driver.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with driver.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
                dumped += [bytes(part) for part in copy]
    return b"".join(dumped)


@pytest.fixture
def played(settings: Settings, fake_clock: FakeClock) -> Iterator[Played]:
    with Installation(settings, clock=fake_clock, resolver=StaticResolver({})) as installation:
        yield play(installation)


def test_no_secret_of_a_run_is_in_the_database(played: Played, database: Database) -> None:
    # It was a run worth looking at: nearly every scheme, and each kind of answer.
    accepted = {vector.provider for vector, answer in played.answers if answer.status == 200}
    refused = {vector.provider for vector, answer in played.answers if answer.status in (401, 404)}
    assert len(accepted) > 140
    assert len(refused) > 150
    assert len(played.secrets) > 20
    revealing = {
        name for name, one in played.installation.catalogue.items() if any(s.reveals for s in one.webhook.schemes)
    }
    assert revealing - accepted == NOT_HERE
    assert leaks(raw_bytes(database), played.secrets) == {}
    assert leaks(shown(played, database), played.secrets) == {}


def shown(played: Played, database: Database) -> bytes:
    """All that a person is shown of events and rejections."""
    tables = Tables(database)
    with played.begin() as acting:
        events = [show_event(acting, row[0]) for row in tables.rows("SELECT id FROM events")]
        rejections = [show_rejection(acting, row[0]) for row in tables.rows("SELECT id FROM rejections")]
    return b"".join(f"{one.url} {one.headers}".encode() + one.body for one in (*events, *rejections))


def test_what_is_sealed_is_opened_to_explain(settings: Settings, fake_clock: FakeClock) -> None:
    with Installation(settings, clock=fake_clock) as installation:
        with act(installation, actor=TESTER, write=True) as acting:
            for slug, provider, secret in (("mine", "gitlab", "the-one-secret"), ("hub", "huggingface", "the-others")):
                scheme = "secret_token" if provider == "gitlab" else None
                draft = SourceDraft(slug=slug, provider=provider, scheme=scheme, credentials={"secret": secret})
                add_source(acting, draft)
        ingest = inbound_of(installation).ingest
        arrival = Arrival(
            "default",
            "mine",
            "POST",
            "http://x/webhooks/mine",
            (("x-gitlab-token", "the-others"),),
            b"{}",
            "",
            "r",
            1,
            0.0,
        )
        assert wait_for_answer(ingest.begin(arrival)).status == 401
        assert ingest.rejections.flush(20)
        [(rejection_id,)] = Tables(installation.database).rows("SELECT id FROM rejections")
        diagnosis = explain_rejection(lambda: act(installation, actor=TESTER, write=True), rejection_id)
    assert diagnosis.findings[0].cause is Cause.OTHER_SOURCE
    assert "the-others" not in str(diagnosis)


def test_a_body_goes_out_as_it_came_and_no_answer_brings_a_secret_back(settings: Settings, database: Database) -> None:
    token, credential = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
    body = b'{"value":[{"id":"1","changeType":"created","clientState":"%b"}]}' % token.encode()
    sink = Sink(echo)

    async def go(installation: Installation) -> str:
        async with sink.running():
            with act(installation, actor=TESTER, write=True) as acting:
                add_source(acting, SourceDraft(slug="graph", provider="microsoft-graph", credentials={"secret": token}))
                headers = [("Authorization", f"Bearer {credential}")]
                signing = add_destination(acting, DestinationDraft(name="app", url=sink.url, headers=headers)).secret
                add_route(acting, RouteDraft("graph", "app"))
                add_route(acting, RouteDraft("graph", "app", name="reshaped", transform="{state: clientState}"))
            arrival = Arrival(
                "default",
                "graph",
                "POST",
                "http://x/webhooks/graph",
                (("content-type", "application/json"),),
                body,
                "",
                "r",
                SystemClock().now_us(),
                0.0,
            )
            progress = inbound_of(installation).ingest.begin(arrival)
            assert (await asyncio.to_thread(wait_for_answer, progress)).status == 200
            await deliver(installation)
            return signing

    with Installation(settings) as installation:
        signing = asyncio.run(go(installation))
        bodies = sorted((one.body for one in sink.received), key=len)
        # One event of the batch, byte by byte; and what a route made of it, which is kept, without the secret.
        assert bodies[0] == b'{"id":"1","changeType":"created","clientState":"%b"}' % token.encode()
        assert json.loads(bodies[1])["state"].startswith("gateway-sealed.")
        told = {token, credential, signing}
        assert leaks(raw_bytes(database), told) == {}
        [excerpts] = [[row[0] for row in Tables(database).rows("SELECT response_excerpt FROM attempts")]]
        assert all("[redacted]" in excerpt for excerpt in excerpts)


async def echo(request: web.Request) -> web.Response:
    """What debugging endpoints do."""
    return web.Response(text=f"{dict(request.headers)} {(await request.read()).decode()}")


async def deliver(installation: Installation) -> None:
    """Work until everything is delivered."""
    loader = RoutingLoader(installation.settings, installation.keyring, installation.handlers, installation.clock)
    routing = await asyncio.to_thread(loader, installation.database, EVERY_KIND)
    worker = Worker(
        database=installation.database,
        routing=lambda: routing,
        handlers=HandlerPool((), clock=installation.clock),
        clock=installation.clock,
        random=lambda: 0.5,
        resolver=installation.resolver,
        policy=installation.policy,
        metrics=installation.metrics,
        announcements=installation.announcements,
        secret_headers=installation.secret_headers,
        keyring=installation.keyring,
        grants=NoGrants(),
    )
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(40):
            while set(await asyncio.to_thread(Tables(installation.database).states)) != {"delivered"}:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.05)
    finally:
        worker.stop()
        await task
