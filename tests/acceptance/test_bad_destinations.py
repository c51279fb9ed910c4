"""Destinations that misbehave: a failed attempt within the timeout, and nobody else waits."""

from __future__ import annotations

import time

import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables
from tests.services.waiting import until

TIMEOUT_SECONDS = 1.0
EVENTS = 30
OUTCOMES = {
    "slow": "timeout",
    "drip": "timeout",
    "huge": "response_too_large",
    "redirect": "redirect",
    "nobody": "connection_error",
}


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_bad_destinations_fail_in_time_and_alone(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    urls = {name: sink.url(f"/{name}") for name in OUTCOMES} | {"nobody": "http://127.0.0.1:1/"}
    bad = [{"name": name, "url": url, "timeout": TIMEOUT_SECONDS, "schedule": []} for name, url in urls.items()]
    installation.apply(
        sources=[SOURCE],
        destinations=[*bad, {"name": "app", "url": sink.url()}],
        routes=[{"source": "github", "to": name} for name in (*urls, "app")],
    )
    installation.run("--workers", "1")
    sender = GithubSender(installation.port, threads=2)
    with sender.sending(EVENTS):
        began = time.monotonic()
        sink.wait_for(EVENTS)
        # The good one has all of them before the bad ones can have run into even one timeout each.
        assert time.monotonic() - began < 10
    query = "SELECT DISTINCT d.name, a.outcome FROM attempts a JOIN deliveries l ON l.id = a.delivery_id "
    query += "JOIN destinations d ON d.id = l.destination_id"
    # A circuit opens in the course of this, and the rest of its deliveries wait.
    expected = set(OUTCOMES.items()) | {("app", "delivered")}
    until(lambda: expected <= {tuple(row) for row in tables.rows(query)}, lambda: tables.rows(query))
    # On a busy machine some take longer than their timeout.
    assert {outcome for name, outcome in map(tuple, tables.rows(query)) if (name, outcome) not in expected} <= {
        "timeout"
    }
    # Within the timeout, and the time that a busy loop needs to come round.
    assert tables.rows("SELECT max(duration_ms) FROM attempts")[0][0] < 1000 * (TIMEOUT_SECONDS + 2)
    redirected = [one for one in sink.at() if one.header("gateway-attempt") != "1"]
    assert not redirected, "nothing came to where the redirect pointed but its own deliveries"
    assert len(sink.at()) == EVENTS


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_addresses_that_are_forbidden(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    """A name is judged by what it resolves to when it is called, whatever it was when it was added."""
    names = {"literal": sink.url(), "named": f"http://localhost:{sink.port}/hook"}
    installation.apply(
        sources=[SOURCE],
        destinations=[{"name": name, "url": url, "schedule": []} for name, url in names.items()],
        routes=[{"source": "github", "to": name} for name in names],
    )
    # They were added while private addresses were allowed.
    installation.environment["GATEWAY_ALLOW_PRIVATE_DESTINATIONS"] = "false"
    metadata = "http://169.254.169.254/latest/meta-data/"
    assert "169.254.169.254" in installation.gateway("destinations", "add", "metadata", metadata, code=1)
    installation.run("--workers", "1")
    with GithubSender(installation.port, threads=1).sending(1):
        tables.wait_until_all_are("dead")
    assert tables.outcomes() == {"address_forbidden": 2}
    assert not sink.at()
