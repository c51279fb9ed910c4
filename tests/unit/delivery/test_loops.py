"""What leads back to the gateway, told by a URL, by what names resolve to, and by which addresses the machine has."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.config import Settings
from gateway.delivery.destinations.loops import leads_back, own_addresses
from tests.services.for_each import for_each_row

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "box": ["192.0.2.10"],
    "box6": ["2001:db8::10"],
    "elsewhere": ["192.0.2.99"],
    "one-of-two": ["192.0.2.99", "192.0.2.10"],
}
LOCAL = {"127.0.0.1", "::1", "192.0.2.10", "2001:db8::10"}


def settings(base_url: str, listen: tuple[str, int] | None = None) -> Settings:
    return Settings(base_url=base_url, listen=listen)


PUBLIC = settings("https://hooks.example.com")
BELOW = settings("https://example.com/gateway", ("127.0.0.1", 8000))
EVERYWHERE = settings("https://hooks.example.com", ("0.0.0.0", 8000))
EVERYWHERE6 = settings("https://hooks.example.com", ("::", 8000))
LOOPBACK = settings("http://127.0.0.1:8000")
NAMED = settings("http://localhost:8000")
ONE = settings("https://hooks.example.com", ("box", 8000))


@for_each_row(
    ("own", "url", "is_loop"),
    [
        # The public name, however it is written.
        (PUBLIC, "https://hooks.example.com/webhooks/github", True),
        (PUBLIC, "https://HOOKS.example.com./webhooks/acme/github?a=b", True),
        (PUBLIC, "https://hooks.example.com:443/webhooks/github", True),
        (PUBLIC, "http://hooks.example.com/webhooks/github", True),
        (PUBLIC, "https://hooks.example.com//webhooks//github", True),
        (PUBLIC, "https://hooks.example.com/%77ebhooks/github", True),
        (PUBLIC, "https://hooks.example.com/%2577ebhooks/github", True),
        (PUBLIC, "https://hooks.example.com/app/../webhooks/github", True),
        (PUBLIC, "https://hooks.example.com/./Webhooks/github", True),
        (PUBLIC, "https://hooks.example.com/webhooks%2Fgithub", True),
        # What only looks alike.
        (PUBLIC, "https://hooks.example.com/events", False),
        (PUBLIC, "https://hooks.example.com/app/webhooks/github", False),
        (PUBLIC, "https://hooks.example.com/webhooks-of-ours", False),
        (PUBLIC, "https://hooks.example.com/api/v1/orders", False),
        (PUBLIC, "https://hooks.example.com:8443/webhooks/github", False),
        (PUBLIC, "https://other.example.com/webhooks/github", False),
        (PUBLIC, "https://other.example.com/?https://hooks.example.com/webhooks/github", False),
        (PUBLIC, "ftp://hooks.example.com/webhooks/github", False),
        (PUBLIC, "no URL", False),
        # Below a path of the public name.
        (BELOW, "https://example.com/gateway/webhooks/github", True),
        (BELOW, "https://example.com/webhooks/github", False),
        (BELOW, "http://127.0.0.1:8000/webhooks/github", True),
        (BELOW, "http://127.0.0.1:8000/gateway/webhooks/github", True),
        # The address it listens on: whatever is there is the gateway's.
        (LOOPBACK, "http://127.0.0.1:8000/webhooks/github", True),
        (LOOPBACK, "http://localhost:8000/webhooks/github", True),
        (LOOPBACK, "http://2130706433:8000/webhooks/github", True),
        (LOOPBACK, "http://0x7f.1:8000/webhooks/github", True),
        (LOOPBACK, "http://[::ffff:127.0.0.1]:8000/webhooks/github", True),
        (LOOPBACK, "http://127.0.0.1:8000/api/v1/sources/github/test", True),
        (LOOPBACK, "http://127.0.0.1:8000/", False),
        (LOOPBACK, "http://127.0.0.1:9000/webhooks/github", False),
        (LOOPBACK, "http://127.0.0.1/webhooks/github", False),
        (LOOPBACK, "http://[::1]:8000/webhooks/github", False),
        (LOOPBACK, "http://elsewhere:8000/webhooks/github", False),
        (LOOPBACK, "http://unknown:8000/webhooks/github", False),
        (NAMED, "http://127.0.0.1:8000/webhooks/github", True),
        (NAMED, "http://[::1]:8000/webhooks/github", True),
        (EVERYWHERE, "http://127.0.0.2:8000/webhooks/github", True),
        (EVERYWHERE, "http://192.0.2.10:8000/webhooks/github", True),
        (EVERYWHERE, "http://box:8000/webhooks/github", True),
        (EVERYWHERE, "http://one-of-two:8000/webhooks/github", True),
        (EVERYWHERE, "http://elsewhere:8000/webhooks/github", False),
        (EVERYWHERE, "http://192.0.2.10:8001/webhooks/github", False),
        (EVERYWHERE6, "http://[::1]:8000/webhooks/github", True),
        (EVERYWHERE6, "http://[2001:db8::10]:8000/webhooks/github", True),
        (EVERYWHERE6, "http://box6:8000/webhooks/github", True),
        (EVERYWHERE6, "http://192.0.2.10:8000/webhooks/github", True),
        (ONE, "http://192.0.2.10:8000/webhooks/github", True),
        (ONE, "http://one-of-two:8000/webhooks/github", True),
        (ONE, "http://192.0.2.11:8000/webhooks/github", False),
    ],
)
def test_what_leads_back(own: Settings, url: str, is_loop: bool) -> None:
    assert leads_back(url, own_addresses(own), lambda host: NAMES.get(host, ()), LOCAL.__contains__) is is_loop


def test_names_are_looked_up_only_where_all_else_points_here() -> None:
    asked: list[str] = []

    def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return ()

    own = own_addresses(EVERYWHERE)
    for url in ("https://app.example.com/webhooks", "http://app.example.com:8000/events", "http://192.0.2.1:8000/api"):
        assert not leads_back(url, own, lookup, LOCAL.__contains__)
    assert asked == []
    leads_back("http://app.example.com:8000/webhooks/github", own, lookup, LOCAL.__contains__)
    assert asked == ["app.example.com"]
