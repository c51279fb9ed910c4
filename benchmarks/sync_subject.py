"""What is measured of syncs: the gateway's pull of the peer's contacts, and a bare loop that does no more than store
them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
import requests
from marshmallow import Schema
from sqlalchemy import make_url

from benchmarks.processes import BenchmarkFailed
from gateway.clients.client import ApiClient
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    External,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RemotePage,
)
from gateway.entities.options import SyncOptions
from gateway.entities.pushing.push import push
from gateway.entities.states import RunMode
from gateway.entities.syncing import SyncRequest, sync
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.kind import Kind, Result
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import JobRun
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act
from gateway.tenants.audit import Actor, ActorKind

INSTANCE = "int_bench"
BENCH = Actor(ActorKind.COMMAND_LINE, "bench")
_OWN = frozenset({"id", "name", "version", "updated"})


class Nothing(Schema):
    """The payload of these jobs."""


class Contacts:
    """The peer's list, by a client as integration types have it."""

    name = "contacts"
    kind = "contact"
    abilities = Abilities(is_incremental=True, writes=frozenset({"update"}), is_conditional=True)
    fields: Mapping[str, FieldRule] = {}
    default_rule = FieldRule(direction=Direction.BOTH)

    def __init__(self, client: ApiClient, *, count: int, changed: int = 0) -> None:
        self._client, self._count, self._changed = client, count, changed

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        offset = 0 if at is None else at["offset"]
        while True:
            query: dict[str, Any] = {"count": self._count, "offset": offset}
            if cursor is not None:
                query |= {"since": cursor["version"], "changed": self._changed}
            document: Any = self._client.get("/contacts", query=query).document
            following = document["next"]
            version = 1 if cursor is None else cursor["version"] + 1
            yield RemotePage(
                records=document["records"],
                next=None if following is None else {"offset": following},
                cursor={"version": version} if following is None else None,
            )
            if following is None:
                return
            offset = following

    def identify(self, raw: Raw) -> str | None:
        return str(raw["id"])

    def map(self, raw: Raw) -> Mapped:
        attributes = {name: value for name, value in raw.items() if name not in _OWN}
        return Mapped(integration_id=raw["id"], name=raw["name"], attributes=attributes, version=str(raw["version"]))

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        raise NotImplementedError

    def find(self, outgoing: Outgoing) -> Raw | None:
        raise NotImplementedError

    def create(self, outgoing: Outgoing) -> Raw:
        raise NotImplementedError

    def update(self, outgoing: Outgoing) -> Raw | None:
        headers = {"If-Match": outgoing.version or "*", "Idempotency-Key": outgoing.idempotency_key}
        path = {"id": outgoing.integration_id}
        return self._client.patch("/contacts/{id}", path, json=dict(outgoing.fields), headers=headers).document

    def delete(self, outgoing: Outgoing) -> None:
        raise NotImplementedError


def pull(
    installation: Installation, client: ApiClient, *, count: int, changed: int = 0, mode: RunMode = RunMode.FULL
) -> Mapping[str, Any]:
    """One sync as a job of this process; how it ended."""
    external = _external(installation, Contacts(client, count=count, changed=changed))
    request = SyncRequest(mode=mode, trigger="person")
    result = _carried_out(installation, lambda job: sync(job, external, SyncOptions(), request))
    if result is None or result["state"] != "succeeded":
        raise BenchmarkFailed(f"the pull failed: {result}")
    return result


def push_all(installation: Installation, client: ApiClient, *, in_flight: int) -> None:
    """One push as a job of this process, until nothing is left."""
    external = _external(installation, Contacts(client, count=0))
    options = SyncOptions(push_concurrency=in_flight)
    result = _carried_out(installation, lambda job: push(job, external, options))
    if result is None or result["left"]:
        raise BenchmarkFailed(f"the push failed: {result}")


def _external(installation: Installation, contacts: Contacts) -> External:
    with act(installation, actor=BENCH) as acting:
        tenant_id = acting.tenant.id
    return External(
        instance_id=INSTANCE,
        tenant_id=tenant_id,
        name="crm",
        integration_name="bench",
        resources=[contacts],
    )


def _carried_out(installation: Installation, run: Callable[[JobRun], Result]) -> Result:
    kind = Kind(name="bench.sync", payload=Nothing, run=run, timeout_seconds=3_600.0)

    def ask(holder: Holder) -> JobSummary:
        with act(installation, actor=BENCH, write=True) as acting:
            return request_job(acting, kind, {}, holder=holder)

    return carry_out_here(installation, kind, ask, actor=BENCH, on_progress=lambda _done, _total, _line: None)


_COLUMNS = ("id", "name", "attributes", "version")
_TABLE = "CREATE TABLE bare (id text PRIMARY KEY, name text, attributes {json}, version text)"
_UPDATE = (
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, attributes = excluded.attributes, version = excluded.version"
)


def bare_loop(url: str, peer: str, *, count: int) -> None:
    """requests, json, one statement and one commit a page; nobody is told, and nothing is compared."""
    parsed = make_url(url)
    with requests.Session() as session:
        if parsed.get_backend_name() == "sqlite":
            _into_sqlite(str(parsed.database), session, peer, count)
        else:
            _into_postgres(
                parsed.set(drivername="postgresql").render_as_string(hide_password=False), session, peer, count
            )


def _pages(session: requests.Session, peer: str, count: int) -> Iterator[list[tuple[str, ...]]]:
    offset: int | None = 0
    while offset is not None:
        answer = session.get(f"{peer}/contacts", params={"count": count, "offset": offset}, timeout=30)
        document = answer.json()
        yield [
            (
                one["id"],
                one["name"],
                json.dumps({name: value for name, value in one.items() if name not in _OWN}),
                str(one["version"]),
            )
            for one in document["records"]
        ]
        offset = document["next"]


def _into_sqlite(path: str, session: requests.Session, peer: str, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("DROP TABLE IF EXISTS bare")
    connection.execute(_TABLE.format(json="text"))
    for rows in _pages(session, peer, count):
        marks = ",".join(["(?,?,?,?)"] * len(rows))
        connection.execute("BEGIN IMMEDIATE")
        statement = f"INSERT INTO bare ({','.join(_COLUMNS)}) VALUES {marks} {_UPDATE}"
        connection.execute(statement, [value for row in rows for value in row])
        connection.execute("COMMIT")
    connection.close()


def _into_postgres(url: str, session: requests.Session, peer: str, count: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(_TABLE.format(json="json"))
        for rows in _pages(session, peer, count):
            marks = ",".join(["(%s,%s,%s,%s)"] * len(rows))
            statement = f"INSERT INTO bare ({','.join(_COLUMNS)}) VALUES {marks} {_UPDATE}"
            connection.execute(statement.encode(), [value for row in rows for value in row])
            connection.commit()
