"""What bursts have in common: an installation that routes events to a sink, and the proof that none is lost."""

from __future__ import annotations

from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables

# A lease lasts 15 s longer than this, which is how long the deliveries of a killed worker wait.
TIMEOUT_SECONDS = 0.5
SCHEDULE_SECONDS = [1, 1, 2, 4, 8, 16]


def route_to(installation: Installation, sink: SinkThread, **destination: object) -> None:
    """A source, a destination and the route between them."""
    app: dict[str, object] = {"name": "app", "url": sink.url(), "timeout": TIMEOUT_SECONDS}
    installation.apply(
        sources=[SOURCE],
        destinations=[app | {"schedule": SCHEDULE_SECONDS} | destination],
        routes=[{"source": "github", "to": "app"}],
    )


def require_nothing_lost(sender: GithubSender, sink: SinkThread, tables: Tables) -> None:
    """Every acknowledged event is stored once, under the id that its sender was told, and everything stored arrived,
    under one webhook id however often it was tried.
    """
    events = tables.events()
    assert all(len(ids) == 1 for ids in events.values())
    assert {key: [id_] for key, id_ in sender.acknowledged.items()}.items() <= events.items()
    assert set(events) <= sender.sent
    tables.wait_until_all_are("delivered")
    arrived: dict[str, set[tuple[str | None, str | None]]] = {}
    for one in sink.at():
        ids = (one.header("gateway-event-id"), one.header("webhook-id"))
        arrived.setdefault(one.header("x-github-delivery") or "", set()).add(ids)
    assert {key: len(ids) for key, ids in arrived.items()} == dict.fromkeys(events, 1), "another id at a second try"
    assert {key: [id_ for id_, _ in ids] for key, ids in arrived.items()} == events
