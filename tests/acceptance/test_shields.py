"""Attacks through the proxies of the docs: what nginx and HAProxy keep away from the gateway."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.services.framing_cases import CHUNKED, GET, REFUSED
from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, signed
from tests.services.haproxy import haproxy
from tests.services.nginx import nginx
from tests.services.proxies import HOST, Proxy, ProxyMissing
from tests.services.raw_http import RawAnswer, connected, post, read_answer

REQUIRED = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
PROXIES: dict[str, Callable[..., AbstractContextManager[Proxy]]] = {"nginx": nginx, "haproxy": haproxy}
MEGABYTE = 1 << 20
# Proxies need not be as strict as the gateway, only of one mind with it.
CASES = {name: data for name, (data, _) in REFUSED.items() if data.startswith((b"GET / ", b"POST / "))}


@dataclass(frozen=True)
class Shielded:
    """A proxy, and the gateway behind it."""

    proxy: Proxy
    installation: Installation
    worker: psutil.Process

    def heard(self, data: bytes, *, answers: int = 1) -> list[RawAnswer]:
        """What is answered to `data` over TLS, up to so many answers or the end."""
        context = ssl.create_default_context(cafile=str(self.proxy.certificate))
        found = []
        with connected(self.proxy.port) as plain, context.wrap_socket(plain, server_hostname=HOST) as client:
            client.settimeout(10)
            with suppress(OSError):
                client.sendall(data)
            with suppress(OSError, ValueError):
                while len(found) < answers and (answer := read_answer(client)) is not None:
                    found.append(answer)
        return found

    def honest(self) -> int:
        """The status of a signed event."""
        body = b"{}"
        request = post("/webhooks/github", signed(body, str(uuid.uuid4())), body).replace(b"Host: gateway", HOST_LINE)
        return self.heard(request)[0].status

    def cpu_seconds(self) -> float:
        times = self.worker.cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> float:
        return float(self.worker.memory_info().rss) / MEGABYTE


HOST_LINE = b"Host: " + HOST.encode()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, psutil.Process]]:
    variables = {"GATEWAY_BASE_URL": f"https://{HOST}", "GATEWAY_TRUSTED_PROXIES": "1"}
    with Installation(tmp_path_factory.mktemp("shielded"), **variables) as installation:
        installation.gateway("db", "upgrade")
        installation.apply(sources=[SOURCE])
        (worker,) = psutil.Process(installation.web("--workers", "1").pid).children()
        yield installation, worker


@pytest.fixture(scope="module", params=PROXIES)
def shielded(
    request: pytest.FixtureRequest,
    gateway: tuple[Installation, psutil.Process],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shielded]:
    installation, worker = gateway
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        try:
            proxy = stack.enter_context(PROXIES[request.param](folder, installation.port))
        except ProxyMissing as reason:
            if REQUIRED:
                pytest.fail(str(reason), pytrace=False)
            pytest.skip(str(reason))
        yield Shielded(proxy, installation, worker)


def test_an_event_comes_through_and_nothing_else(shielded: Shielded) -> None:
    assert shielded.honest() == 200
    body = b"{}"
    forged = signed(body, str(uuid.uuid4())) | {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "evil.example.com"}
    request = post("/webhooks/github?a=%2F", forged, body).replace(b"Host: gateway", HOST_LINE)
    answer = shielded.heard(request)[0]
    event = shielded.installation.json("events", "show", answer.json()["event_id"])
    assert event["url"].startswith(f"https://{HOST}/webhooks/github?a=")
    for path in (b"/metrics", b"/readyz", b"/"):
        found = shielded.heard(b"GET " + path + b" HTTP/1.1\r\n" + HOST_LINE + b"\r\n\r\n")
        assert found[0].status == 404


def test_what_is_one_request_to_the_proxy_is_not_two_to_the_gateway(shielded: Shielded) -> None:
    """Bytes that no request is framed with; behind them a request that is answered only as one of its own."""
    served = {}
    for number, (name, data) in enumerate(CASES.items()):
        first, second = f"/webhooks/first-{number}".encode(), f"second-{shielded.proxy.port}-{number}"
        data = data.replace(b" / ", b" " + first + b" ", 1).replace(b"Host: gateway", HOST_LINE)
        behind = b"GET /webhooks/" + second.encode() + b" HTTP/1.1\r\n" + HOST_LINE + b"\r\nConnection: close\r\n\r\n"
        served[name] = len(shielded.heard(data + behind, answers=2)), second
    rejected = shielded.installation.json("rejections", "list", "--limit", "200")["data"]
    seen = {row["source"] for row in rejected}
    assert "first-0" not in seen
    assert [name for name, (answers, second) in served.items() if second in seen and answers < 2] == []
    assert shielded.honest() == 200


def test_chunks_of_a_byte_cost_the_gateway_little(shielded: Shielded) -> None:
    before = shielded.cpu_seconds()
    head = CHUNKED.replace(b" / ", b" /webhooks/github ", 1).replace(b"Host: gateway", HOST_LINE)
    for data in (head + b"1\r\nx\r\n" * 300_000 + b"0\r\n\r\n", head + b"1;" + b"a" * MEGABYTE + b"\r\nx\r\n0\r\n\r\n"):
        found = shielded.heard(data)
        assert {answer.status for answer in found} <= {400, 401, 408, 413}
    assert shielded.cpu_seconds() - before < 2
    assert shielded.honest() == 200


def test_heads_without_end_stay_with_the_proxy(shielded: Shielded) -> None:
    before = shielded.megabytes()
    field = b"X-%d: " % Random(1).randrange(10) + b"a" * 8_000 + b"\r\n"
    head = GET.replace(b" / ", b" /webhooks/github ", 1).replace(b"Host: gateway", HOST_LINE)
    context = ssl.create_default_context(cafile=str(shielded.proxy.certificate))
    with ExitStack() as stack:
        for _ in range(30):
            plain = stack.enter_context(connected(shielded.proxy.port))
            client = stack.enter_context(context.wrap_socket(plain, server_hostname=HOST))
            client.sendall(head + field * 3)
        assert shielded.honest() == 200
        assert shielded.megabytes() - before < 8
    found = shielded.heard(head + field * 100)
    assert {answer.status for answer in found} <= {400, 414, 431, 494}
