"""Requests to providers against real servers: good ones, and all that a hostile or broken one can do."""

from __future__ import annotations

import gzip
import traceback

import pytest

from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderUnavailable
from gateway.oauth.protocol.http import HttpRequest, ProviderHttp, retry_after_seconds
from gateway.outgoing.caps import PROVIDER, Caps
from gateway.outgoing.resolver import StaticResolver, SystemResolver
from gateway.security.ssrf import AddressPolicy
from tests.services.fault_server import FaultServer
from tests.services.oauth_provider import TOKEN, OAuthProvider

SECRET = "not-to-be-shown"


def post(server: FaultServer, path: str) -> HttpRequest:
    url = f"{server.url}{path}{'&' if '?' in path else '?'}client_secret={SECRET}"
    return HttpRequest("POST", url, (("Authorization", f"Basic {SECRET}"),), f"code={SECRET}".encode())


def test_an_answer_comes_back_with_our_headers_sent(http: ProviderHttp, server: FaultServer) -> None:
    answer = http.send(post(server, "/token"))
    assert (answer.status, answer.is_success, answer.content_type) == (200, True, "application/json")
    heard = server.heard[0]
    assert heard.headers["accept"] == "application/json"
    assert heard.headers["user-agent"] == "gateway/1 (connections)"
    assert heard.body == f"code={SECRET}".encode()


def test_the_entrys_headers_go_before_ours(http: ProviderHttp, server: FaultServer) -> None:
    http.send(HttpRequest("GET", f"{server.url}/x", (("user-agent", "acme"), ("ACCEPT", "text/plain"))))
    assert (server.heard[0].headers["user-agent"], server.heard[0].headers["accept"]) == ("acme", "text/plain")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(http: ProviderHttp, server: FaultServer, status: int) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="redirect") as caught:
        http.send(post(server, f"/redirect?status={status}&to={server.url}/elsewhere"))
    assert server.at("/elsewhere") == []
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("path", ["/huge", "/bomb", "/deflate-bomb"])
def test_no_answer_is_larger_than_the_cap(http: ProviderHttp, server: FaultServer, path: str) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="larger"):
        http.send(post(server, path))


def test_2_mb_are_too_much_and_a_small_one_that_is_compressed_is_not(
    http: ProviderHttp, oauth_server: OAuthProvider
) -> None:
    request = HttpRequest("POST", oauth_server.url + TOKEN, body=b"")
    oauth_server.answer_next(TOKEN, 200, b" " * 2_000_000)
    with pytest.raises(ProviderAnswerInvalid, match=f"larger than {PROVIDER.max_bytes} bytes"):
        http.send(request)
    oauth_server.answer_next(TOKEN, 200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"})
    assert http.send(request).body == b"{}"


@pytest.mark.parametrize("path", ["/bad-gzip", "/garbage", "/bad-chunk"])
def test_what_is_no_http_is_no_answer(http: ProviderHttp, server: FaultServer, path: str) -> None:
    with pytest.raises((ProviderAnswerInvalid, ProviderUnavailable)) as caught:
        http.send(post(server, path))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("path", ["/hangs-up", "/half-body"])
def test_who_hangs_up_may_have_carried_it_out(http: ProviderHttp, server: FaultServer, path: str) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        http.send(post(server, path))
    assert caught.value.was_sent
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("path", ["/silent", "/dripping-body"])
def test_an_answer_has_so_much_time(server: FaultServer, path: str) -> None:
    http = ProviderHttp(SystemResolver(), AddressPolicy(allow_private=True), caps=Caps(0.2, 1000))
    with pytest.raises(ProviderUnavailable) as caught:
        http.send(post(server, path))
    assert caught.value.was_sent
    http.close()


def test_where_nothing_listens_nothing_can_have_happened(http: ProviderHttp) -> None:
    with pytest.raises(ProviderUnavailable, match="refused") as caught:
        http.send(HttpRequest("POST", "http://127.0.0.1:1/token"))
    assert not caught.value.was_sent


def test_a_name_that_does_not_resolve(http: ProviderHttp) -> None:
    with pytest.raises(ProviderUnavailable, match="does not resolve") as caught:
        http.send(HttpRequest("POST", "https://provider.example/token"))
    assert not caught.value.was_sent


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://[::1]/", "https://2130706433/", "https://10.0.0.1/"])
def test_private_addresses_are_not_asked(url: str) -> None:
    with pytest.raises(ProviderUnavailable, match="is not asked") as caught:
        ProviderHttp(SystemResolver(), AddressPolicy(allow_private=False)).send(HttpRequest("POST", url))
    assert not caught.value.was_sent


def test_a_name_that_leads_to_a_private_address_between_check_and_connect(server: FaultServer) -> None:
    resolver = StaticResolver({"provider.example": [["93.184.216.34"], ["127.0.0.1"]]})
    resolver.resolve("provider.example")
    http = ProviderHttp(resolver, AddressPolicy(allow_private=False))
    with pytest.raises(ProviderUnavailable, match="is not asked") as caught:
        http.send(HttpRequest("POST", f"https://provider.example:{server.port}/token"))
    assert not caught.value.was_sent
    assert server.heard == []
    http.close()


@pytest.mark.parametrize("allow_private", [True, False])
def test_plain_http_is_for_loopback(allow_private: bool) -> None:
    http = ProviderHttp(
        StaticResolver({"provider.example": [["127.0.0.1"]]}), AddressPolicy(allow_private=allow_private)
    )
    with pytest.raises(ProviderUnavailable, match="https://") as caught:
        http.send(HttpRequest("POST", f"http://provider.example/token?client_secret={SECRET}"))
    assert not caught.value.was_sent
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://provider.example/", "https://user:pw@provider.example/", "", "https://a b/"])
def test_what_is_no_url_of_an_endpoint(http: ProviderHttp, url: str) -> None:
    with pytest.raises(ProviderUnavailable):
        http.send(HttpRequest("POST", url))


def test_connections_are_kept(http: ProviderHttp, oauth_server: OAuthProvider) -> None:
    before = oauth_server.connections
    for _ in range(3):
        http.send(HttpRequest("GET", oauth_server.url + "/jwks"))
    assert oauth_server.connections - before == 1


def test_a_connection_that_was_idle_is_not_used_again(oauth_server: OAuthProvider) -> None:
    http = ProviderHttp(SystemResolver(), AddressPolicy(allow_private=True), idle_seconds=0)
    before = oauth_server.connections
    for _ in range(3):
        assert http.send(HttpRequest("GET", oauth_server.url + "/jwks")).status == 200
    assert oauth_server.connections - before == 3
    http.close()


def test_the_wait_that_is_asked_for(http: ProviderHttp, server: FaultServer) -> None:
    answer = http.send(post(server, "/status/429?retry_after=7"))
    assert retry_after_seconds(answer, now_us=0) == 7


@pytest.mark.parametrize("path", ["/hangs-up", "/redirect?to=/x", "/huge", "/garbage", "/bad-gzip"])
def test_not_even_a_traceback_shows_a_query(http: ProviderHttp, server: FaultServer, path: str) -> None:
    with pytest.raises(ProviderError) as caught:
        http.send(post(server, path))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_nothing_is_shown(http: ProviderHttp, server: FaultServer) -> None:
    request = post(server, "/token")
    assert SECRET not in repr(request)
    assert "given-" not in repr(http.send(request))
