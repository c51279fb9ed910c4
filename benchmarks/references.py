"""What the gateway is compared with: WSGI applications for the same gunicorn configuration, and a bare sending loop.

gunicorn takes them as `benchmarks.references:hello()` and `benchmarks.references:naive('<database URL>')`.
"""

from __future__ import annotations

import hmac
import json
import sys
import threading
import time

import requests
from flask import Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import LargeBinary, String, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.samples import SECRET, delivery_ids, signed_bodies

SENDING_THREADS = 16


class Base(DeclarativeBase):
    """Base of the naive view's only table."""


class NaiveEvent(Base):
    """What a view of ten lines keeps of a webhook."""

    __tablename__ = "naive_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class BareRow(Base):
    """What an application of ten lines keeps of something that it is told to."""

    __tablename__ = "bare_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    provider: Mapped[str] = mapped_column(String(64))


def hello() -> Flask:
    """Flask's hello world."""
    app = Flask("hello")

    @app.get("/")
    def greet() -> str:
        return "Hello, World!"

    return app


def naive(database_url: str) -> Flask:
    """A view that checks one HMAC and commits one row per request; SQLite as safe as the gateway's (WAL, FULL)."""
    app, db = _with_database("naive", database_url)

    @app.post("/webhooks/github")
    def receive() -> dict[str, str]:
        body = request.get_data()
        signature = "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
        if not hmac.compare_digest(signature.encode(), request.headers.get("X-Hub-Signature-256", "").encode()):
            abort(401)
        db.session.add(NaiveEvent(delivery=request.headers["X-GitHub-Delivery"], body=body))
        db.session.commit()
        return {"status": "accepted"}

    return app


def bare_insert(database_url: str) -> Flask:
    """A view that commits one row per request, with nobody asked who they are and nothing else done."""
    app, db = _with_database("bare", database_url)

    @app.post("/")
    def insert() -> tuple[dict[str, object], int]:
        given = request.get_json()
        row = BareRow(slug=given["slug"], provider=given["provider"])
        db.session.add(row)
        db.session.commit()
        return {"id": row.id, "slug": row.slug, "provider": row.provider}, 201

    return app


def _with_database(name: str, database_url: str) -> tuple[Flask, SQLAlchemy]:
    app = Flask(name)
    is_sqlite = database_url.startswith("sqlite")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": 16,
        "connect_args": {"timeout": 30} if is_sqlite else {},
    }
    db = SQLAlchemy(app, model_class=Base)
    if is_sqlite:
        with app.app_context():
            event.listen(db.engine, "connect", _durable)
    return app, db


def create_tables(database_url: str) -> None:
    """The tables of `naive` and `bare_insert`. Before the server starts: its workers would race for them."""
    app, db = _with_database("tables", database_url)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.engine.dispose()


def send_with_requests(url: str, seconds: float) -> dict[str, float]:
    """POST 4 KB events with `requests`, 16 threads with a session each, recording nothing. The rate it reached."""
    bodies = signed_bodies()
    counts = [0] * SENDING_THREADS
    started_at = time.monotonic()
    ends_at = started_at + seconds

    def send(thread: int) -> None:
        with requests.Session() as session:
            for number, delivery_id in enumerate(delivery_ids()):
                signed = bodies[number % len(bodies)]
                headers = dict(signed.headers) | {"X-GitHub-Delivery": delivery_id}
                session.post(url, data=signed.body, headers=headers, timeout=10).raise_for_status()
                counts[thread] += 1
                if time.monotonic() >= ends_at:
                    return

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDING_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"sent": sum(counts), "rate": sum(counts) / (time.monotonic() - started_at)}


def _durable(connection: object, _entry: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


if __name__ == "__main__":
    json.dump(send_with_requests(sys.argv[1], float(sys.argv[2])), sys.stdout)
