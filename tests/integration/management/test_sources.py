"""Sources: what is asked for is judged whenever they change, not only when they are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.errors import Conflict, Hint, InvalidInput, NotFound
from gateway.installation import Installation
from gateway.tenants.acting import Acting, act
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.draft import MADE_UP, SourceDraft
from gateway.webhooks.sources.management import add_source, rotate_credential, update_source
from gateway.webhooks.sources.search import source_for
from gateway.webhooks.sources.summary import SourceState
from tests.services.acting import TESTER

GITHUB = SourceDraft("github", "github", credentials={"secret": "s3cret"})


@pytest.fixture
def acting(settings: Settings, fake_clock: FakeClock) -> Iterator[Acting]:
    with (
        Installation(settings, clock=fake_clock) as installation,
        act(installation, actor=TESTER, write=True) as acting,
    ):
        yield acting


def codes(refused: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {fault.field: fault.code for fault in refused.value.faults}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"options": {"colour": "red"}}, {"options.colour": "not_taken"}),
        ({"allowed_ips": ("example.com",)}, {"allowed_ips": "malformed"}),
        ({"scheme": "sha512"}, {"scheme": "unknown"}),
        ({"rate_per_second": -1.0}, {"rate": "out_of_range"}),
        ({"options": {"a": "b"}, "rate_per_second": 0.0}, {"options.a": "not_taken", "rate": "out_of_range"}),
    ],
)
def test_a_change_is_judged_like_a_new_one(acting: Acting, changes: dict[str, object], found: dict[str, str]) -> None:
    before = add_source(acting, GITHUB).source
    with pytest.raises(InvalidInput) as refused:
        update_source(acting, replace(GITHUB, **changes))  # type: ignore[arg-type]
    assert codes(refused) == found
    assert update_source(acting, GITHUB) == before


def test_a_change_need_not_bring_the_secret(acting: Acting) -> None:
    add_source(acting, GITHUB)
    changed = update_source(acting, replace(GITHUB, credentials={}, rate_per_second=3.0, enabled=False))
    assert (changed.rate_per_second, changed.live_secrets, changed.state) == (3.0, 1, SourceState.DISABLED)


def test_a_source_keeps_its_provider(acting: Acting) -> None:
    add_source(acting, GITHUB)
    with pytest.raises(Conflict) as refused:
        update_source(acting, replace(GITHUB, provider="stripe"))
    assert codes(refused) == {"provider": "immutable"}
    with pytest.raises(NotFound):
        update_source(acting, replace(GITHUB, slug="gitlab"))


def test_slug_and_secret_are_made_where_that_is_asked_for(acting: Acting) -> None:
    made = add_source(acting, replace(GITHUB, slug=MADE_UP, credentials={}, generate_secret=True))
    assert made.source.slug.startswith("src_")
    assert made.secret is not None
    assert add_source(acting, SourceDraft("", "generic", "unsigned")).source.slug.startswith("src_")
    with pytest.raises(InvalidInput) as refused:
        add_source(acting, replace(GITHUB, slug=""))
    assert codes(refused) == {"slug": "missing"}
    with pytest.raises(InvalidInput) as refused:
        add_source(acting, replace(GITHUB, generate_secret=True))
    assert codes(refused) == {"generate_secret": "conflicting"}
    with pytest.raises(InvalidInput) as refused:
        add_source(acting, SourceDraft("", "generic", "unsigned", generate_secret=True))
    assert codes(refused) == {"generate_secret": "not_taken"}


def test_a_new_credential_is_judged(acting: Acting) -> None:
    add_source(acting, GITHUB)
    for draft, found in (
        (CredentialDraft(), {"value": "missing"}),
        (CredentialDraft("x", "public_key"), {"credentials.public_key": "not_taken"}),
        (CredentialDraft("x", overlap=timedelta(seconds=-1)), {"overlap": "out_of_range"}),
    ):
        with pytest.raises(InvalidInput) as refused:
            rotate_credential(acting, "github", draft)
        assert codes(refused) == found


def test_the_source_that_is_meant(acting: Acting) -> None:
    with pytest.raises(NotFound) as none:
        source_for(acting, "github")
    assert none.value.hints == (Hint("add_source", {"provider": "github"}),)
    add_source(acting, GITHUB)
    assert source_for(acting, "github").slug == "github"
    assert source_for(acting, "github", "github").slug == "github"
    with pytest.raises(InvalidInput) as other:
        source_for(acting, "stripe", "github")
    assert codes(other) == {"source": "mismatch"}
    add_source(acting, replace(GITHUB, slug="hub"))
    with pytest.raises(InvalidInput) as several:
        source_for(acting, "github")
    assert several.value.faults[0].hint == Hint("choose_source", {"slugs": ["github", "hub"]})
