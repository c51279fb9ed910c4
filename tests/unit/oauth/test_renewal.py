"""When tokens are renewed: ahead of their end, with room for retries, and before they die unused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.oauth.connections.renewal import can_renew, refresh_at
from gateway.providers import catalogue
from gateway.providers.oauth.model import OAuth, Refresh
from tests.services.for_each import for_each

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(**refresh: object) -> OAuth:
    oauth = catalogue()["google"].oauth
    assert oauth is not None
    return replace(oauth, refresh=Refresh(**{"style": "rotating", **refresh}))  # type: ignore[arg-type]


def due(oauth: OAuth, life: float | None, *, chance: float = 0.5, is_renewable: bool = True) -> float | None:
    end = None if life is None else NOW + timedelta(seconds=life)
    found = refresh_at(
        oauth, now=NOW, expires_at=end, is_renewable=is_renewable, keeps_alive=is_renewable, chance=chance
    )
    return None if found is None else (found - NOW).total_seconds()


@for_each(
    [
        (3600, 0.5, 2880),
        (3600, 0.0, 2700),
        (3600, 1.0, 3060),
        # A minute is left at least, where there is one.
        (200, 1.0, 140),
        (100, 0.5, 50),
        (0, 0.5, 0),
        (-30, 0.5, 0),
        (None, 0.5, None),
    ]
)
def test_ahead_of_the_end(case: tuple[float | None, float, float | None]) -> None:
    life, chance, expected = case
    assert due(entry(), life, chance=chance) == expected


def test_not_before_the_provider_takes_it() -> None:
    assert due(entry(last_seconds=30), 600) == 576
    assert due(entry(last_seconds=30), 10) == 0


def test_before_it_dies_unused() -> None:
    assert due(entry(idle_seconds=1000), None) == 800
    assert due(entry(idle_seconds=1000), 3600) == 800
    assert due(entry(idle_seconds=10_000), 3600) == 2880


def test_what_cannot_be_renewed_is_looked_after_at_its_end() -> None:
    assert due(entry(idle_seconds=1000), 3600, is_renewable=False) == 3600


def test_what_can_be_renewed() -> None:
    assert can_renew(entry(), "authorization_code", has_refresh_token=True)
    assert not can_renew(entry(), "authorization_code", has_refresh_token=False)
    assert not can_renew(entry(style="none"), "authorization_code", has_refresh_token=True)
    assert can_renew(entry(style="exchange"), "authorization_code", has_refresh_token=False)
    assert can_renew(entry(style="none"), "client_credentials", has_refresh_token=False)
    assert can_renew(entry(style="none"), "jwt_bearer", has_refresh_token=False)
