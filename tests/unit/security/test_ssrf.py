"""The SSRF guard's decisions, against the ranges of the IANA registries and every way to write an address."""

from __future__ import annotations

import ipaddress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AddressForbidden
from gateway.security.ssrf import AddressPolicy, UrlTarget, literal_address, parse_url
from tests.services.for_each import for_each_row

STRICT = AddressPolicy(allow_private=False)
LENIENT = AddressPolicy(allow_private=True)

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
PUBLIC += ["64:ff9b::808:808", "223.255.255.255", "2a00:1450::1", "100.63.255.255", "100.128.0.1"]
PRIVATE = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd12::1"]
PRIVATE += ["100.64.0.1", "100.127.255.255", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "fc00::1"]
NEVER = ["169.254.169.254", "169.254.0.1", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "0.0.0.0", "0.1.2.3"]
NEVER += ["168.63.129.16", "::ffff:168.63.129.16"]  # Azure's
NEVER += ["192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1"]
NEVER += ["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "fe80::1", "fe80::1%eth0", "fec0::1"]
NEVER += ["ff02::1", "2001:db8::1", "3fff::1", "2002:7f00:1::", "2001:0:53aa:64c:0:0:80ff:fffe", "::7f00:1"]
NEVER += ["::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "4000::1"]
NEVER += ["2606:4700::1%1", "localhost", "", "1.2.3", "01.2.3.4", "1.2.3.4/32", "::ffff:0:127.0.0.1"]


@for_each_row("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    STRICT.check(address)
    LENIENT.check(address)
    assert STRICT.allows(address)


@for_each_row("address", PRIVATE)
def test_private_addresses_need_permission(address: str) -> None:
    LENIENT.check(address)
    assert LENIENT.allows(address)
    assert not STRICT.allows(address)
    with pytest.raises(AddressForbidden, match="GATEWAY_ALLOW_PRIVATE_DESTINATIONS"):
        STRICT.check(address)


@for_each_row(("address", "policy"), product(NEVER, [STRICT, LENIENT]))
def test_some_addresses_are_never_allowed(address: str, policy: AddressPolicy) -> None:
    assert not policy.allows(address)
    with pytest.raises(AddressForbidden):
        policy.check(address)


@given(st.ip_addresses())
def test_nothing_is_allowed_that_the_standard_library_calls_local(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if STRICT.allows(str(address)):
        embedded = getattr(address, "ipv4_mapped", None) or address
        in_nat64 = address in ipaddress.ip_network("64:ff9b::/96") if address.version == 6 else False
        assert in_nat64 or (embedded.is_global and not embedded.is_multicast)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com/a?b=c#d", UrlTarget("https", "hooks.example.com", 443, None)),
        ("HTTP://Hooks.Example.COM:8080", UrlTarget("http", "hooks.example.com", 8080, None)),
        ("http://a_b.example.", UrlTarget("http", "a_b.example.", 80, None)),
        ("http://xn--mnchen-3ya.example/", UrlTarget("http", "xn--mnchen-3ya.example", 80, None)),
        ("http://8.8.8.8/", UrlTarget("http", "8.8.8.8", 80, "8.8.8.8")),
        ("https://[2606:4700::1111]:8443/", UrlTarget("https", "2606:4700::1111", 8443, "2606:4700::1111")),
        ("http://134744072/", UrlTarget("http", "134744072", 80, "8.8.8.8")),
    ],
)
def test_urls_that_may_be_called(url: str, target: UrlTarget) -> None:
    assert STRICT.check_url(url) == target


@for_each_row(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "10.1",
        "[::ffff:7f00:1]",
        "3232235777",
    ],
)
def test_private_literals_are_seen_in_every_notation(host: str) -> None:
    LENIENT.check_url(f"http://{host}/")
    with pytest.raises(AddressForbidden, match="GATEWAY_ALLOW_PRIVATE_DESTINATIONS"):
        STRICT.check_url(f"http://{host}/")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9.0xfe.0xa9.0xfe", "[fd00:ec2::254]", "0", "0x0"]
)
def test_metadata_services_are_seen_in_every_notation(host: str) -> None:
    with pytest.raises(AddressForbidden):
        LENIENT.check_url(f"http://{host}/")


@for_each_row(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user@hooks.example.com/",
        "http://user:password@hooks.example.com/",
        "http://@hooks.example.com/",
        "http://hooks.example.com:0/",
        "http://hooks.example.com:99999/",
        "http://hooks.example.com:-1/",
        "http://hooks.example.com:/",
        "http://hooks.example.com:http/",
        "http://hooks.example.com\\@evil.example/",
        "http://hooks.example.com/ a",
        "http://hooks.example.com/\r\nX: y",
        "\thttp://hooks.example.com/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://mün.example/",
        "http://a..b/",
        "http://.example/",
        "http://-example-/",
        "http://a%2eb/",
        "http://[::1/",
        "http://[v1.fe]/",
        "http://[fe80::1%25eth0]/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://1.2.3.256/",
        "http://4294967296/",
        "http://08.1.1.1/",
        "http://a.b.1/",
        "http://" + "9" * 6000 + "/",
        "http://" + "a" * 300 + ".example/",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(AddressForbidden):
        LENIENT.check_url(url)


def test_messages_do_not_quote_credentials() -> None:
    with pytest.raises(AddressForbidden) as caught:
        parse_url("http://user:hunter2@hooks.example.com/?token=hunter2")
    assert "hunter2" not in str(caught.value)


@given(st.ip_addresses(v=4))
def test_all_notations_of_an_address_mean_the_same(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    front, tail = number >> 24, number & 0xFFFFFF
    notations = [str(address), str(number), hex(number), f"0{number:o}", f"{front}.{tail}", f"{hex(front)}.0{tail:o}"]
    assert {literal_address(notation) for notation in notations} == {str(address)}


def test_only_allowed_addresses_are_chosen() -> None:
    mixed = ["10.0.0.1", "8.8.8.8", "169.254.169.254", "2606:4700::1111"]
    assert AddressPolicy(allow_private=False).choose("h", mixed) == ["8.8.8.8", "2606:4700::1111"]
    assert AddressPolicy(allow_private=True).choose("h", mixed) == ["10.0.0.1", "8.8.8.8", "2606:4700::1111"]
    assert AddressPolicy(allow_private=False).choose("h", []) == []


def test_a_name_with_forbidden_addresses_only_is_forbidden() -> None:
    with pytest.raises(AddressForbidden, match=r"h resolves to 169\.254\.169\.254"):
        AddressPolicy(allow_private=True).choose("h", ["169.254.169.254"])
