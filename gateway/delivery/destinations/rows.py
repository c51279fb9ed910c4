"""Stored destinations, judged: a row becomes a `Target`, or is out of order with the reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.clock import to_us
from gateway.config import DEFAULT_SCHEDULE_SECONDS
from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.decisions.target import DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT_SECONDS, SigningSecret, Target
from gateway.delivery.destinations.handlers import Knowledge
from gateway.delivery.destinations.secrets import open_headers, open_secrets
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret
from gateway.errors import AddressForbidden, DecryptionFailed, InvalidInput
from gateway.out_of_order import OutOfOrder, OutOfOrderCode, in_one_line
from gateway.security.sealing import Keyring
from gateway.security.ssrf import parse_url

_CODES: Mapping[type[Exception], OutOfOrderCode] = {
    AddressForbidden: OutOfOrderCode.URL_MALFORMED,
    InvalidInput: OutOfOrderCode.EXPRESSION_MALFORMED,
    DecryptionFailed: OutOfOrderCode.DECRYPTION_FAILED,
}


@dataclass(frozen=True, slots=True)
class DestinationDefaults:
    """What counts where a row says nothing: the pauses between tries, and the timeout of handlers by their name."""

    schedule_seconds: tuple[float, ...] = DEFAULT_SCHEDULE_SECONDS
    handler_timeouts: Mapping[str, float] = field(default_factory=dict)


def judge_destination(
    row: Destination,
    secrets: Sequence[DestinationSecret],
    keyring: Keyring | None,
    *,
    now_us: int,
    defaults: DestinationDefaults = DestinationDefaults(),
) -> Target | OutOfOrder:
    """The destination of `row` ready for use, or why it cannot be used. Never raises.

    `secrets` are its own; those that ended before `now_us` need not open. Without `keyring` nothing sealed opens.
    """
    try:
        kind = DestinationKind(row.kind)
        if kind is DestinationKind.HTTP:
            parse_url(row.url or "")
        if row.ordering_key is not None:
            compile_expression(row.ordering_key, what="the ordering key")
        return _target(row, kind, defaults, _headers(row, keyring), _secrets(row, secrets, keyring, now_us))
    except (AddressForbidden, InvalidInput, DecryptionFailed) as error:
        return OutOfOrder(row.id, row.tenant_id, row.name, _CODES[type(error)], in_one_line(str(error)))
    except Exception as error:  # whatever one row holds, the others must be loaded
        detail = f"its row cannot be read ({type(error).__name__})"
        return OutOfOrder(row.id, row.tenant_id, row.name, OutOfOrderCode.UNREADABLE, detail)


def handler_out_of_order(row: Destination, known: Mapping[str, Knowledge]) -> OutOfOrder | None:
    """What keeps a handler's deliveries waiting: that it is not loaded. None for one that was switched off. Pure."""
    handler = known.get(row.handler or "")
    if row.kind != DestinationKind.HANDLER or row.disabled_at is not None or handler is None or not handler.is_missing:
        return None
    where = "the worker that started last has not loaded its module: name that in GATEWAY_HANDLERS again"
    gone = "the worker that started last has not loaded its module, or finds no such handler in it any more"
    detail = f"{where if handler.subscriptions else gone}, or cancel what waits and remove it"
    return OutOfOrder(row.id, row.tenant_id, row.name, OutOfOrderCode.NOT_LOADED, detail)


def _secrets(
    row: Destination, secrets: Sequence[DestinationSecret], keyring: Keyring | None, now_us: int
) -> tuple[SigningSecret, ...]:
    live = [one for one in secrets if one.expires_at is None or to_us(one.expires_at) > now_us]
    if not live:
        return ()
    return open_secrets(_require(keyring), row, live)


def _headers(row: Destination, keyring: Keyring | None) -> tuple[tuple[str, str], ...]:
    return () if row.sealed_headers is None else open_headers(_require(keyring), row)


def _require(keyring: Keyring | None) -> Keyring:
    if keyring is None:
        raise DecryptionFailed("there is no key to open its secrets")
    return keyring


def _target(
    row: Destination,
    kind: DestinationKind,
    defaults: DestinationDefaults,
    headers: tuple[tuple[str, str], ...],
    secrets: tuple[SigningSecret, ...],
) -> Target:
    timeout = row.timeout_seconds or defaults.handler_timeouts.get(row.handler or "", DEFAULT_TIMEOUT_SECONDS)
    return Target(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        kind=kind,
        url=row.url,
        handler=row.handler,
        timeout_seconds=timeout,
        concurrency=row.concurrency or DEFAULT_CONCURRENCY,
        concurrency_is_shared=row.concurrency is not None,
        rate_per_second=row.rate_per_second,
        schedule_seconds=defaults.schedule_seconds if row.schedule_seconds is None else tuple(row.schedule_seconds),
        ordering_key=row.ordering_key,
        headers=headers,
        fatal_statuses=frozenset(row.fatal_statuses),
        secrets=secrets,
        disabled=row.disabled_at is not None,
        connection_id=row.connection_id,
    )
