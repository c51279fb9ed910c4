"""Sync options as they are given: judged by field, and read over the type's defaults."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gateway.entities.external import Direction, Policy
from gateway.entities.options import SyncOptions
from gateway.integrations.options import option_faults, shown_options, sync_options
from tests.services.for_each import for_each_row


@for_each_row(
    ("name", "value"),
    [
        ("delete_share", 1.5),
        ("delete_share", True),
        ("delete_all_above", -1),
        ("policy", "strongest_wins"),
        ("policies", {"contact.email": "strongest_wins"}),
        ("policies", []),
        ("deletes", "never"),
        ("directions", {"email": "sideways"}),
        ("skew_seconds", "5"),
        ("is_pushing", "yes"),
        ("entity_events", "some"),
        ("batch", 0),
        ("push_concurrency", 65),
        ("polices", {}),
    ],
)
def test_what_is_wrong_is_told_by_its_field(name: str, value: Any) -> None:
    assert [one.field for one in option_faults({name: value})] == [f"sync.{name}"]


def test_every_option_can_be_shown_and_given_again() -> None:
    shown = shown_options(SyncOptions(policies={"contact.email": Policy.MANUAL}, directions={"email": Direction.BOTH}))

    assert option_faults(shown) == []
    assert shown_options(sync_options({}, shown)) == shown
    assert set(shown) == {one.name for one in fields(SyncOptions)}


def test_what_is_given_is_over_what_the_type_says() -> None:
    options = sync_options({"policy": "external_wins", "is_pushing": False}, {"policy": "local_wins"})

    assert (options.policy, options.is_pushing) == (Policy.LOCAL_WINS, False)
