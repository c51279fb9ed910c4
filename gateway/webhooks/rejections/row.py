"""A refused request as it is kept: cut down to its bounds, its secrets sealed. Made in the writer's thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from gateway.clock import from_us
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.own_secrets import NO_SECRETS, OwnSecrets
from gateway.webhooks.secrets_at_rest import RefusedSealer

KEPT_BODY_BYTES = 1024 * 1024
"""Of each body, unless `GATEWAY_REJECTED_BODY_BYTES` says otherwise: what is kept whole can be taken in later."""
# As they are stored, and before their secrets are sealed, which makes those half as long again.
KEPT_HEADER_BYTES = 16 * 1024
KEPT_URL_CHARACTERS = 4096
# Of each header, where all of them are too many or too long.
KEPT_VALUE_CHARACTERS = 256
# What a row takes besides its texts, indexes included.
ROW_BYTES = 512

Row = dict[str, object]
"""A rejection as it is stored."""


class Refused(NamedTuple):
    """A request that was refused. `source_id` is empty when no such source exists; `own` are the secrets of one that
    could be loaded.
    """

    tenant_id: str
    source_id: str
    reason: str
    detail: str | None
    arrival: Arrival
    own: OwnSecrets = NO_SECRETS


class Noted(NamedTuple):
    """A rejection that waits to be stored: not much more of it than is kept. `body_bytes` is what came; `is_whole` says
    that nothing was left out yet.
    """

    id: str
    refused: Refused
    body_bytes: int
    is_whole: bool

    @property
    def weight_bytes(self) -> int:
        """About how much memory it takes."""
        arrival = self.refused.arrival
        return 1024 + len(arrival.body) + len(arrival.url) + _characters(arrival.headers)


def noted(rejection_id: str, refused: Refused, *, body_bytes: int = KEPT_BODY_BYTES) -> Noted:
    """What waits of `refused`, with `body_bytes` of its body."""
    arrival = refused.arrival
    body = arrival.body if len(arrival.body) <= body_bytes else arrival.body[:body_bytes]
    headers = arrival.headers if _characters(arrival.headers) <= KEPT_HEADER_BYTES else _fitting(arrival.headers)
    cut = arrival._replace(url=arrival.url[:KEPT_URL_CHARACTERS], headers=headers, body=body)
    is_whole = cut == arrival and not (arrival.is_oversized or arrival.is_truncated)
    return Noted(rejection_id, refused._replace(arrival=cut), len(arrival.body), is_whole)


def row_of(item: Noted, sealer: RefusedSealer) -> Row:
    """The row. `stored_bytes` is what it takes on the disk, measured on what is stored."""
    refused, arrival = item.refused, item.refused.arrival
    # PostgreSQL takes no NUL in texts, and a path can hold one.
    source = arrival.source[:64].replace("\x00", "\ufffd")
    fitting = arrival._replace(headers=_fitting(arrival.headers))
    headers, url, body = sealer.sealed(
        fitting, tenant_id=refused.tenant_id, source=source, own=refused.own, is_cut=_is_cut(item, fitting)
    )
    encoded = orjson.dumps(headers)
    return {
        "id": item.id,
        "tenant_id": refused.tenant_id,
        "source_id": refused.source_id,
        "source": source,
        "reason": refused.reason,
        "detail": refused.detail,
        "received_at": from_us(arrival.received_at_us),
        "request_id": arrival.request_id,
        "client_address": arrival.client_address[:64],
        "method": arrival.method[:16],
        "url": url,
        "headers": encoded,
        "body": body,
        "body_bytes": item.body_bytes,
        "is_whole": item.is_whole and fitting.headers == arrival.headers,
        "stored_bytes": ROW_BYTES + len(encoded) + len(body) + len(url.encode("utf-8", "surrogatepass")),
    }


def _is_cut(item: Noted, fitting: Arrival) -> bool:
    """Whether there was, or may have been, more of one of its texts than is kept."""
    return (
        item.body_bytes > len(fitting.body)
        or len(fitting.url) >= KEPT_URL_CHARACTERS
        or any(len(value) == KEPT_VALUE_CHARACTERS for _name, value in fitting.headers)
    )


def _characters(headers: Iterable[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _fitting(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers; where they are too many or too long, what fits of them."""
    if len(orjson.dumps(headers)) <= KEPT_HEADER_BYTES:
        return tuple(headers)
    return tuple(_first((name[:128], value[:KEPT_VALUE_CHARACTERS]) for name, value in headers))


def _first(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    left = KEPT_HEADER_BYTES
    for pair in headers:
        left -= len(orjson.dumps(pair)) + 1
        if left < 0:
            return
        yield pair
