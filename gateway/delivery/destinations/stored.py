"""A stored destination as somebody would ask for it, its headers opened."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.secrets import open_headers
from gateway.delivery.models import Destination
from gateway.errors import DecryptionFailed
from gateway.security.sealing import Keyring


def stored_draft(keyring: Keyring, row: Destination, *, unreadable: Sequence[tuple[str, str]] = ()) -> DestinationDraft:
    """`row`, of kind http. Headers that no key opens are said to be `unreadable`."""
    try:
        headers: Sequence[tuple[str, str]] = open_headers(keyring, row)
    except DecryptionFailed:
        headers = unreadable
    return DestinationDraft(
        name=row.name,
        url=row.url or "",
        ordering_key=row.ordering_key,
        timeout_seconds=row.timeout_seconds,
        concurrency=row.concurrency,
        rate_per_second=row.rate_per_second,
        schedule_seconds=None if row.schedule_seconds is None else tuple(row.schedule_seconds),
        headers=headers,
        fatal_statuses=tuple(row.fatal_statuses),
        enabled=row.disabled_at is None,
        connection=row.connection_id,
    )
