"""How an integration syncs: what a person may set, with what holds otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.entities.external import Direction, Policy

LARGEST_ENTITY_BYTES = 65_536
"""The attributes of one entity, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """Of one integration. Shares are from 0 to 1.

    Deletions that a full pull finds are held for a person when they are more than `delete_share` of the entities there
    are, or all of more than `delete_all_above`. A run fails when more than `invalid_share` of the records it has read
    (and more than `invalid_above`) go to quarantine. `policy` decides what both sides changed, unless `policies` (by
    `kind.field` or `field`) says otherwise; within `skew_seconds` `newest_wins` is a conflict. `deletes` is that for
    a deletion against an edit (`manual`, `edit_wins`, `delete_wins`). `directions` are those of fields, by name.
    `is_pushing`: local edits are sent. `entity_events`: which `gateway.entity.*` events are journalled.
    `registers_webhooks`: the provider is told where its webhooks go, about `webhook_topics` (none: those of the lists
    that are synced); `webhook_parameters` are what it wants to know besides.
    """

    delete_share: float = 0.2
    delete_all_above: int = 5
    invalid_share: float = 0.1
    invalid_above: int = 20
    policy: Policy = Policy.MANUAL
    policies: Mapping[str, Policy] = field(default_factory=dict)
    deletes: Literal["manual", "edit_wins", "delete_wins"] = "manual"
    directions: Mapping[str, Direction] = field(default_factory=dict)
    skew_seconds: float = 5.0
    is_pushing: bool = True
    entity_events: Literal["all", "none"] = "all"
    batch: int = 500
    most_pages: int = 100_000
    push_concurrency: int = 8
    registers_webhooks: bool = True
    webhook_topics: Sequence[str] = ()
    webhook_parameters: Mapping[str, str] = field(default_factory=dict)
