"""Who hears what about how the gateway is, and what is no HTTP/1.1, on both hosts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from logging import getLogger
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse, create_environ, run_wsgi_app

from gateway.config import Settings
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.server.front import Front
from gateway.server.host.lifespan import Lifespan
from gateway.server.insiders import is_insider
from tests.services.loop_host import LoopHost

TOKEN = "a token of sixteen or more".replace(" ", "-")
STRANGER = "203.0.113.9"

Ask = Callable[..., TestResponse]


@pytest.fixture(params=["threads", "loop"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ask]:
    """GET a path of a gateway whose database is not there."""
    closers: list[Callable[[], None]] = []

    def get(path: str, *, token: str = "", proxies: int = 0, peer: str = "127.0.0.1", **headers: str) -> TestResponse:
        settings = Settings(
            database_url=f"sqlite:///{tmp_path}/none.db",
            encryption_key_file=tmp_path / "key",
            metrics_token=token,
            trusted_proxies=proxies,
        )
        installation = Installation(settings)
        app: Any = create_app(installation)
        closers.append(installation.close)
        if request.param == "loop":
            app = LoopHost(app)
            closers.append(app.close)
        client = Client(app, TestResponse)
        return client.get(path, headers=headers, environ_base={"REMOTE_ADDR": peer})

    yield get
    for close in reversed(closers):
        close()


def test_metrics_are_for_this_machine(ask: Ask) -> None:
    assert b"gateway_received" in ask("/metrics").data
    refused = ask("/metrics", peer=STRANGER)
    assert (refused.status_code, b"GATEWAY_METRICS_TOKEN" in refused.data) == (403, True)


def test_what_the_web_server_refuses_is_counted(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/none.db", encryption_key_file=tmp_path / "key")
    with Installation(settings) as installation:
        lifespan = Lifespan(Front(create_app(installation), threads=1), getLogger("lifespan"))

        async def live() -> None:
            await lifespan.start()
            lifespan.state["refused"]("client_full")
            await lifespan.end()

        thresholds = gc.get_threshold()
        try:
            asyncio.run(live())
        finally:
            # A server sets these for good.
            gc.unfreeze()
            gc.set_threshold(*thresholds)
        counted = installation.metrics.registry.get_sample_value
        assert counted("gateway_connections_refused_total", {"reason": "client_full"}) == 1


def test_metrics_by_token(ask: Ask) -> None:
    assert b"gateway_received" in ask("/metrics", token=TOKEN, peer=STRANGER, Authorization=f"Bearer {TOKEN}").data
    for header in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
        refused = ask("/metrics", token=TOKEN, **header)
        assert (refused.status_code, b"gateway_received" in refused.data) == (401, False)
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_strangers_hear_whether_it_is_ready_and_no_hosts(ask: Ask) -> None:
    inside, outside = ask("/readyz"), ask("/readyz", peer=STRANGER)
    assert "detail" in inside.json["checks"]["database"]
    assert outside.json == {"status": "failing", "checks": {"database": {"ok": False}}}
    assert inside.status_code == outside.status_code == 503


def test_a_proxy_on_this_machine_speaks_for_strangers(ask: Ask) -> None:
    headers = {"X-Forwarded-For": STRANGER}
    assert ask("/metrics", **headers).status_code == 403
    assert ask("/metrics", proxies=1, **headers).status_code == 403
    # What counts is who asked, and who told; a stranger may tell anything.
    assert ask("/metrics", proxies=1, peer=STRANGER, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    assert ask("/metrics", proxies=1, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 200


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"REMOTE_ADDR": ""}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "::1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, ::1"}, True),
        ({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": STRANGER}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": f"127.0.0.1,{STRANGER}"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "unknown"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_VIA": "1.1 proxy"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "192.0.2.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_CF_CONNECTING_IP": "192.0.2.1"}, False),
        ({"REMOTE_ADDR": "10.0.0.1"}, False),
    ],
)
def test_insiders_without_a_token(environ: dict[str, str], expected: bool) -> None:
    assert is_insider(environ, "") is expected


def test_http_1_1_without_a_host_is_refused_by_threads_too(tmp_path: Path) -> None:
    with Installation(Settings(database_url=f"sqlite:///{tmp_path}/none.db")) as installation:
        app = create_app(installation)
        found = {}
        for version in ("HTTP/1.1", "HTTP/1.0"):
            environ = create_environ("/healthz") | {"SERVER_PROTOCOL": version}
            del environ["HTTP_HOST"]
            found[version] = run_wsgi_app(app, environ)[1]
    assert found == {"HTTP/1.1": "400 BAD REQUEST", "HTTP/1.0": "200 OK"}
