"""What a cache keeps, for whom, for how long, and what it gives when the system is away."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clients.auth.base import ApiKey, Auth, Basic, Bearer, CustomAuth, TokenAuth
from gateway.clients.auth.kept import KeptToken
from gateway.clients.auth.signed import AwsSigV4, HmacSigning
from gateway.clients.caching import weighing
from gateway.clients.caching.cache import HttpCache, Visit
from gateway.clients.caching.keys import identity_of, place_of, variant_of
from gateway.clients.caching.store import Kept, MemoryStore
from gateway.clients.values import Answer, Call, Headers
from gateway.clock import FakeClock
from tests.services.for_each import for_each

NOW = 1_800_000_000.0
GET = Call("GET", "https://api.example/things", "/things", (("page", "1"),), (("Accept", "application/json"),))


def said(*pairs: tuple[str, str], status: int = 200, url: str = GET.url) -> Answer:
    return Answer(status, Headers(pairs), b"[]", url=url)


def kept(*pairs: tuple[str, str], age: float = 0.0) -> Kept:
    return Kept(tuple((name.lower(), value) for name, value in pairs), b"[]", NOW - age, 0.0)


# Which headers, how old, and whether it is fresh, may be stale.
FRESHNESS: list[tuple[str, list[tuple[str, str]], float, float | None, bool, bool]] = [
    ("within max-age", [("Cache-Control", "private, max-age=60")], 59, None, True, True),
    ("after max-age", [("Cache-Control", "max-age=60")], 60, None, False, True),
    ("no lifetime", [("ETag", '"1"')], 0, None, False, True),
    ("nothing is guessed", [("Last-Modified", formatdate(NOW - 10**7, usegmt=True))], 1, None, False, True),
    ("expires", [("Date", formatdate(NOW - 30)), ("Expires", formatdate(NOW + 30))], 30, None, True, True),
    ("expired", [("Date", formatdate(NOW - 30)), ("Expires", formatdate(NOW + 30))], 61, None, False, True),
    ("expires without a date", [("Expires", formatdate(NOW + 30))], 1, None, True, True),
    ("expires by no date", [("Expires", "0")], 0, None, False, True),
    (
        "max-age before expires",
        [("Cache-Control", "max-age=0"), ("Expires", formatdate(NOW + 99))],
        1,
        None,
        False,
        True,
    ),
    ("a shared cache's lifetime", [("Cache-Control", "s-maxage=60")], 1, None, False, True),
    ("two lines", [("Cache-Control", "private"), ("Cache-Control", "max-age=60")], 1, None, True, True),
    ("no-cache", [("Cache-Control", "no-cache, max-age=60")], 1, None, False, False),
    ("no-cache of a header", [("Cache-Control", 'no-cache="set-cookie, x", max-age=60')], 1, None, True, True),
    ("must-revalidate, fresh", [("Cache-Control", "max-age=60, must-revalidate")], 1, None, True, True),
    ("must-revalidate, stale", [("Cache-Control", "max-age=60, must-revalidate")], 61, None, False, False),
    ("no number", [("Cache-Control", "max-age=soon")], 0, None, False, True),
    ("a negative one", [("Cache-Control", "max-age=-1")], 0, None, False, True),
    ("varies by everything", [("Cache-Control", "max-age=60"), ("Vary", "*")], 1, None, False, False),
    ("varies by what is the same", [("Cache-Control", "max-age=60"), ("Vary", "Accept")], 1, None, True, True),
    ("longer than anybody counts", [("Cache-Control", f"max-age={10**30}")], 10**8, None, True, True),
    ("our lifetime", [("Cache-Control", "no-cache")], 99, 100, True, True),
    ("our shorter one", [("Cache-Control", "max-age=100")], 11, 10, False, True),
]


@for_each(FRESHNESS, name=lambda case: case[0])
def test_how_long_an_answer_is_fresh(case: tuple[str, list[tuple[str, str]], float, float | None, bool, bool]) -> None:
    _, headers, age, ttl, is_fresh, may_be_stale = case
    one = kept(*headers, age=age)

    assert weighing.is_fresh(GET, one, now=NOW, ttl=ttl) is is_fresh
    assert weighing.may_be_stale(GET, one, now=NOW, ttl=ttl) is may_be_stale


def test_a_caller_may_want_it_younger() -> None:
    one = kept(("Cache-Control", "max-age=60"), age=20)

    def fresh(control: str) -> bool:
        return weighing.is_fresh(GET.with_headers(("Cache-Control", control)), one, now=NOW, ttl=None)

    assert [fresh("max-age=30"), fresh("max-age=10"), fresh("no-cache"), fresh("no-transform")] == [
        True,
        False,
        False,
        True,
    ]


@for_each(
    [
        ("200", said(), True),
        ("no-store", said(("Cache-Control", "no-store")), False),
        ("no-store, second line", said(("Cache-Control", "max-age=60"), ("Cache-Control", "no-store")), False),
        ("a cookie", said(("Cache-Control", "max-age=60"), ("Set-Cookie", "a=b")), False),
        ("part of it", said(("Cache-Control", "max-age=60"), status=206), False),
        ("no content", said(("Cache-Control", "max-age=60"), status=204), False),
        ("an error", said(("Cache-Control", "max-age=60"), status=404), False),
        ("somewhere else", said(("Cache-Control", "max-age=60"), url="https://api.example/other"), False),
        ("private", said(("Cache-Control", "private, max-age=60")), True),
    ],
    name=lambda case: case[0],
)
def test_what_is_kept(case: tuple[str, Answer, bool]) -> None:
    _, answer, is_kept = case

    assert (weighing.to_keep(GET, answer, now=NOW, seconds=0) is not None) is is_kept


@for_each(
    [
        ("a GET", GET, True),
        ("a write", replace(GET, method="POST"), False),
        ("a HEAD", replace(GET, method="HEAD"), False),
        *((name, GET.with_headers((name, "x")), False) for name in ("If-None-Match", "If-Modified-Since", "Range")),
        ("no-store", GET.with_headers(("cache-control", "no-store")), False),
    ],
    name=lambda case: case[0],
)
def test_for_what_a_cache_is_asked(case: tuple[str, Call, bool]) -> None:
    _, call, has_a_say = case

    assert weighing.is_for_caches(call) is has_a_say


def test_age_is_counted_by_our_clock_and_all_caches_on_the_way() -> None:
    def age(*headers: tuple[str, str]) -> float:
        found = weighing.to_keep(GET, said(*headers), now=NOW, seconds=2)
        assert found is not None
        assert "age" not in dict(found.headers)
        return weighing.age_seconds(found, NOW + 10)

    assert age() == 12
    assert age(("Age", "30")) == 42
    assert age(("Date", formatdate(NOW - 50))) == 60
    # A system whose clock is ahead does not make its answers younger.
    assert age(("Date", formatdate(NOW + 5000))) == 12


WORDS = [
    "max-age",
    "no-cache",
    "no-store",
    "stale-if-error",
    "=",
    ",",
    ";",
    '"',
    "\\",
    "0",
    "9" * 30,
    "-1",
    "\u00e4",
    " ",
    "*",
]
INSTANTS = [
    "0",
    "",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 99999 00:00:00 GMT",
    "x",
]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("Cache-Control"), st.lists(st.sampled_from(WORDS), max_size=9).map("".join)),
            st.tuples(st.sampled_from(["Date", "Expires", "Last-Modified"]), st.sampled_from(INSTANTS)),
            st.tuples(st.sampled_from(["Age", "Vary", "ETag"]), st.sampled_from(WORDS)),
        ),
        max_size=6,
    ),
    st.sampled_from([0.0, 1.0, 1e9, 1e10]),
)
def test_whatever_a_system_says_is_weighed(headers: list[tuple[str, str]], later: float) -> None:
    one = weighing.to_keep(GET, said(*headers), now=NOW, seconds=0)
    if one is None:
        assert any(name == "Cache-Control" for name, _ in headers)
        return

    assert 0 <= weighing.age_seconds(one, NOW + later) <= 2**31
    fresh = weighing.is_fresh(GET, one, now=NOW + later, ttl=None)
    assert not fresh or weighing.lifetime_seconds(one, None) > 0
    assert weighing.may_be_stale(GET, one, now=NOW + later, ttl=None) or not fresh
    weighing.asking_for_news(GET, one)
    weighing.renewed(GET, one, said(*headers, status=304), now=NOW + later, seconds=0)


def test_what_a_304_changes() -> None:
    before = replace(kept(("ETag", '"1"'), ("Date", formatdate(NOW - 900)), ("X-Left", "9"), ("X-Old", "o")), body=b"x")
    news = said(("ETag", '"1"'), ("X-Left", "8"), ("Content-Length", "0"), ("Content-Type", "text/plain"), status=304)

    after = weighing.renewed(GET, before, news, now=NOW, seconds=0)
    other = weighing.renewed(GET, before, said(("ETag", '"2"'), status=304), now=NOW, seconds=0)

    assert after is not None
    assert (after.body, after.received_at) == (b"x", NOW)
    headers = dict(after.headers)
    assert headers == {"etag": '"1"', "x-left": "8", "x-old": "o", "date": formatdate(NOW, usegmt=True)}
    assert other is None


def test_news_are_asked_for_by_what_the_answer_said() -> None:
    asked = weighing.asking_for_news(GET, kept(("ETag", 'W/"1"'), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")))

    assert asked.header("If-None-Match") == 'W/"1"'
    assert asked.header("If-Modified-Since") == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert asked.header("Accept") == "application/json"
    assert weighing.asking_for_news(GET, kept(("Cache-Control", "max-age=1"))) == GET


def _source(token: str = "t") -> KeptToken:
    return KeptToken(lambda: (token, 3600.0))


@for_each(
    [
        ("tokens", Bearer("a"), Bearer("b")),
        ("users", Basic("a", "p"), Basic("b", "p")),
        ("keys in the query", ApiKey("a", query="k"), ApiKey("b", query="k")),
        ("keys in a cookie", ApiKey("a", cookie="k"), ApiKey("b", cookie="k")),
        ("access keys", *(AwsSigV4(key, "s", region="r", service="s") for key in "ab")),
        ("secrets", *(HmacSigning(key, lambda call, now: b"", header="X") for key in (b"a", b"b"))),
        ("sources, whatever they give", TokenAuth(_source()), TokenAuth(_source())),
        ("accounts", *(CustomAuth(lambda c, a=a: c.with_headers(("X-Account", a)), "s") for a in "ab")),
    ],
    name=lambda case: case[0],
)
def test_no_two_credentials_have_one_place(case: tuple[str, Auth, Auth]) -> None:
    _, one, other = case

    assert identity_of(one, GET) == identity_of(one, GET)
    assert identity_of(one, GET) != identity_of(other, GET)


def test_a_place_tells_nothing() -> None:
    place = place_of(b"k" * 16, identity_of(Bearer("hunter2"), GET), GET.url)

    assert place != place_of(b"l" * 16, identity_of(Bearer("hunter2"), GET), GET.url)
    assert len(place) == 32
    assert "hunter2" not in place


def test_a_variant_is_a_query_with_headers() -> None:
    def variant(call: Call) -> str:
        return variant_of(b"k" * 16, call)

    assert variant(GET) == variant(replace(GET, url=f"{GET.url}?page=1", query=()))
    assert variant(GET) != variant(GET.with_query(("page", "2")))
    assert variant(GET) != variant(GET.with_headers(("Stripe-Account", "acct_1")))
    assert variant(GET) == variant(GET.with_headers(("Cache-Control", "no-cache"), ("TraceParent", "00-1-2-01")))


def test_a_store_is_bounded_and_lets_the_least_used_go() -> None:
    store = MemoryStore(max_answers=3, max_bytes=1000)

    def has(name: str, size: int = 10) -> bool:
        found, turn = store.get(name, "v")
        if found is None:
            store.put(name, "v", Kept((), b"x" * size, NOW, 0), turn)
        return found is not None

    assert [has(name) for name in "abcabcda"] == [False] * 3 + [True] * 3 + [False] * 2
    assert [has("huge", 251), has("huge", 251)] == [False, False]
    assert [has(name, 250) for name in "efghefgh"] == [False] * 8
    assert [has(name, 250) for name in "fgh"] == [True] * 3
    store = MemoryStore(max_answers=9, max_bytes=1000)
    assert [has(name, 250) for name in "abcdeabcde"] == [False] * 10
    assert [has(name, 250) for name in "bcdeb"] == [True] * 5


def test_what_was_asked_before_a_write_is_not_kept_after_it() -> None:
    store = MemoryStore()
    _, turn = store.get("a", "v")
    store.forget("a")
    store.put("a", "v", kept(), turn)
    store.put("b", "v", kept(), turn)

    assert store.get("a", "v")[0] is None
    assert store.get("b", "v")[0] is not None
    store.put("a", "v", kept(), store.get("a", "v")[1])
    assert store.get("a", "v")[0] is not None


def visit(cache: HttpCache, call: Call = GET) -> Visit:
    found = cache.visit(call, Bearer("t"))
    assert found is not None
    return found


def test_a_cache_can_be_used_without_a_client() -> None:
    clock = FakeClock()
    cache = HttpCache(clock=clock)
    first = visit(cache)
    first.keep(said(("ETag", '"1"'), ("Cache-Control", "max-age=60")), 0)
    clock.advance(61)
    second = visit(cache)

    assert (first.fresh(), first.call, second.fresh()) == (None, GET, None)
    assert second.call.header("If-None-Match") == '"1"'
    renewed = second.renew(said(("ETag", '"1"'), status=304), 0)
    assert (renewed and renewed.cached) == "revalidated"
    clock.advance(59)
    fresh = visit(cache).fresh()
    assert (fresh and fresh.headers["age"]) == "59"
    cache.wrote(replace(GET, method="PUT"), Bearer("t"), None)
    assert visit(cache).fresh() is None
    assert visit(cache).renew(said(status=304), 0) is None


def test_what_is_no_longer_to_be_kept_is_gone() -> None:
    cache = HttpCache()
    visit(cache).keep(said(("Cache-Control", "max-age=0")), 0)
    assert visit(cache).stale(60) is not None

    visit(cache).keep(said(("Cache-Control", "no-store")), 0)

    assert visit(cache).stale(60) is None


def test_what_a_write_names_is_forgotten_within_its_origin() -> None:
    cache = HttpCache()
    named = said(("Location", "/things"), ("Content-Location", "https://elsewhere.example/things"), status=201)
    visit(cache).keep(said(("Cache-Control", "max-age=60")), 0)

    cache.wrote(Call("POST", "https://elsewhere.example/new", "/new"), Bearer("t"), named)
    assert visit(cache).fresh() is not None
    cache.wrote(Call("POST", "https://api.example/new/thing", "/new"), Bearer("t"), named)
    assert visit(cache).fresh() is None


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        HttpCache(secret=b"short")
