"""The gateway behind a real nginx with the configuration that the docs give: TLS, addresses, bodies, outages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.services.gateway_process import Installation, Reply
from tests.services.github_sender import SOURCE, signed
from tests.services.nginx import nginx
from tests.services.proxies import HOST, Proxy, ProxyMissing

# In CI a service that is not there is a failure, so that nothing goes untested unseen.
REQUIRED = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
PUBLIC_URL = f"https://{HOST}"
MAX_BODY_BYTES = 100_000
TWILIO_TOKEN = "12345678901234567890123456789012"
ELSEWHERE = "127.0.0.2"


@dataclass(frozen=True)
class Site:
    """nginx and the gateway behind it."""

    proxy: Proxy
    installation: Installation

    def connect(self, address: str = "127.0.0.1") -> closing[http.client.HTTPSConnection]:
        """A connection over TLS, from this address."""
        context = ssl.create_default_context(cafile=str(self.proxy.certificate))
        return closing(
            http.client.HTTPSConnection(
                "127.0.0.1", self.proxy.port, timeout=40, context=context, source_address=(address, 0)
            )
        )

    def post(self, path: str, body: Any, headers: Mapping[str, str], *, address: str = "127.0.0.1") -> Reply:
        """One request, as a vendor makes it."""
        with self.connect(address) as connection:
            connection.request("POST", path, body, {"Host": HOST} | dict(headers))
            return _reply(connection)

    def get(self, path: str) -> Reply:
        with self.connect() as connection:
            connection.request("GET", path, headers={"Host": HOST})
            return _reply(connection)

    def github(self, body: bytes = b"{}", **headers: str) -> Reply:
        """A signed event of GitHub."""
        return self.post("/webhooks/github", body, signed(body, str(uuid.uuid4())) | headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    variables = {
        "GATEWAY_BASE_URL": PUBLIC_URL,
        "GATEWAY_TRUSTED_PROXIES": "1",
        "GATEWAY_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
    }
    quick = {
        "client_body_timeout 15s": "client_body_timeout 1s",
        "client_max_body_size 6m": "client_max_body_size 200k",
    }
    with Installation(folder / "gateway", **variables) as installation:
        try:
            with nginx(folder, installation.port, **quick) as proxy:
                installation.gateway("db", "upgrade")
                installation.apply(
                    sources=[
                        SOURCE,
                        SOURCE | {"slug": "elsewhere", "allowed_ips": [ELSEWHERE]},
                        {"slug": "twilio", "provider": "twilio", "secret": TWILIO_TOKEN},
                    ]
                )
                installation.web()
                yield Site(proxy, installation)
        except ProxyMissing as reason:
            _do_without(str(reason))


def test_tls_ends_at_the_proxy(site: Site) -> None:
    reply = site.github()
    assert (reply.status, reply.json()["status"]) == (200, "accepted")
    event = site.installation.json("events", "show", reply.json()["event_id"])
    assert event["url"] == f"{PUBLIC_URL}/webhooks/github"


def test_a_signed_url_is_the_one_that_the_vendor_called(site: Site) -> None:
    # Escapes and order of the query must come through as they were written.
    path = "/webhooks/twilio?shop=a%2Fb&empty=&x=1"
    form = {"MessageSid": "SM0123456789", "Body": "Ahoj, světe", "From": "+15005550006"}
    text = PUBLIC_URL + path + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.new(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1).digest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": base64.b64encode(digest).decode(),
    }
    assert site.post(path, urlencode(form), headers).status == 200


def test_the_callers_address_counts_and_a_forged_one_does_not(site: Site) -> None:
    body = b"{}"
    forged = {"X-Forwarded-For": ELSEWHERE, "Forwarded": f"for={ELSEWHERE}", "X-Real-IP": ELSEWHERE}
    from_elsewhere = site.post("/webhooks/elsewhere", body, signed(body, "one"), address=ELSEWHERE)
    from_here = site.post("/webhooks/elsewhere", body, signed(body, "two") | forged)
    assert (from_elsewhere.status, from_here.status) == (200, 403)
    assert from_here.json()["error"]["code"] == "ip_not_allowed"
    # The proxy's own connections come from 127.0.0.1: it is the header that counts.
    forged_there = signed(body, "three") | {"X-Forwarded-For": "192.0.2.1, 127.0.0.1"}
    assert site.post("/webhooks/elsewhere", body, forged_there, address=ELSEWHERE).status == 200


def test_a_forged_host_and_scheme_change_nothing(site: Site) -> None:
    reply = site.github(**{"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"})
    assert reply.status == 200
    assert site.installation.json("events", "show", reply.json()["event_id"])["url"].startswith(PUBLIC_URL)


def test_an_oversized_body_gets_our_answer_and_a_huge_one_the_proxys(site: Site) -> None:
    oversized = site.github(b"x" * (MAX_BODY_BYTES + 1))
    assert (oversized.status, oversized.json()["error"]["code"]) == (413, "body_too_large")
    huge = site.github(b"x" * 300_000)
    assert huge.status == 413
    assert b"nginx" in huge.body
    assert site.github(b"x" * MAX_BODY_BYTES).status == 200


def test_a_chunked_body_comes_whole(site: Site) -> None:
    body = json.dumps({"text": "x" * 50_000}).encode()
    pieces = (body[at : at + 7_000] for at in range(0, len(body), 7_000))
    assert site.post("/webhooks/github", pieces, signed(body, str(uuid.uuid4()))).status == 200


def test_who_stops_halfway_holds_nothing_of_the_gateway(site: Site) -> None:
    refused = len(site.installation.json("rejections", "list")["data"])
    body = b"x" * 1_000
    with site.connect() as connection:
        connection.putrequest("POST", "/webhooks/github", skip_host=True)
        for name, value in ({"Host": HOST, "Content-Length": "1000"} | signed(body, "halfway")).items():
            connection.putheader(name, value)
        connection.endheaders(b"x" * 500)
        with pytest.raises(http.client.HTTPException):
            # nginx gives up after its body timeout and closes; 408 is for its log only.
            _reply(connection)
    assert len(site.installation.json("rejections", "list")["data"]) == refused


def test_one_connection_serves_many_requests(site: Site) -> None:
    body, ids = b"{}", set()
    with site.connect() as connection:
        for _ in range(50):
            connection.request("POST", "/webhooks/github", body, {"Host": HOST} | signed(body, str(uuid.uuid4())))
            reply = _reply(connection)
            assert reply.status == 200
            ids.add(_header(reply, "X-Request-Id"))
    # The proxy's ids, which its own log can show too.
    assert len(ids) == 50
    assert all(len(id_) == 32 for id_ in ids)


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/", "/webhooks"])
def test_only_webhooks_are_public(site: Site, path: str) -> None:
    reply = site.get(path)
    assert reply.status in {301, 404}
    assert b"gateway_" not in reply.body


def test_plain_http_takes_nothing(site: Site) -> None:
    body = b"{}"
    with closing(http.client.HTTPConnection("127.0.0.1", site.proxy.plain_port, timeout=40)) as connection:
        connection.request("POST", "/webhooks/github", body, {"Host": HOST} | signed(body, "plain"))
        assert _reply(connection).status == 404


def test_a_gateway_that_is_away_is_a_502_until_it_is_back(tmp_path: Path) -> None:
    with Installation(tmp_path / "gateway", GATEWAY_BASE_URL=PUBLIC_URL, GATEWAY_TRUSTED_PROXIES="1") as installation:
        try:
            with nginx(tmp_path, installation.port) as proxy:
                site = Site(proxy, installation)
                installation.gateway("db", "upgrade")
                installation.apply(sources=[SOURCE])
                assert site.github().status == 502
                web = installation.web()
                assert site.github().status == 200
                web.terminate()
                assert web.wait() == 0
                assert site.github().status == 502
                installation.web()
                assert site.github().status == 200
        except ProxyMissing as reason:
            _do_without(str(reason))


def _reply(connection: http.client.HTTPConnection) -> Reply:
    response = connection.getresponse()
    return Reply(response.status, dict(response.headers), response.read())


def _header(reply: Reply, name: str) -> str:
    return next(value for key, value in reply.headers.items() if key.lower() == name.lower())


def _do_without(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
