"""What differs between a thing as it is and as a manifest wants it: field by field, old and new. Pure.

Secrets are compared and never told: of those, and of values that may be some, it is said that they differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.routes.draft import RouteDraft
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.security.redaction import HIDDEN, is_secret_name, redact_url
from gateway.webhooks.sources.draft import SourceDraft

Shown = str | int | float | bool | Sequence[str] | Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, named as in a manifest. None is no value, `…` one that is not shown."""

    field: str
    before: Shown
    after: Shown


def source_differences(before: SourceDraft, after: SourceDraft) -> tuple[Difference, ...]:
    """Where the manifest names no scheme, the provider's default was stored; `before` says None then. A credential that
    the manifest does not name stays as it is.
    """
    named = {kind: value.strip() for kind, value in after.credentials.items()}
    held = {kind: value for kind, value in before.credentials.items() if kind in named}
    return (
        *_plain("scheme", before.scheme, after.scheme),
        *_by_key("options", before.options, after.options),
        *_plain("allowed_ips", list(before.allowed_ips), list(after.allowed_ips)),
        *_plain("rate", before.rate_per_second, after.rate_per_second),
        *_plain("refuse_replays", before.refuse_replays, after.refuse_replays),
        *_plain("redeliver_duplicates", before.redeliver_duplicates, after.redeliver_duplicates),
        *_plain("retention_days", before.retention_days, after.retention_days),
        *_plain("enabled", before.enabled, after.enabled),
        *_by_key("credentials", held, named, hides_all=True),
    )


def destination_differences(before: DestinationDraft, after: DestinationDraft) -> tuple[Difference, ...]:
    """Headers may hold credentials: no value of one is shown."""
    return (
        *_url(before.url, after.url),
        *_plain("ordering_key", before.ordering_key, after.ordering_key),
        *_plain("timeout", before.timeout_seconds, after.timeout_seconds),
        *_plain("concurrency", before.concurrency, after.concurrency),
        *_plain("rate", before.rate_per_second, after.rate_per_second),
        *_plain("schedule", _listed(before.schedule_seconds), _listed(after.schedule_seconds)),
        *_by_key("headers", dict(before.headers), dict(after.headers), hides_all=True),
        *_plain("fatal_statuses", list(before.fatal_statuses), list(after.fatal_statuses)),
        *_plain("connection", before.connection, after.connection),
        *_plain("enabled", before.enabled, after.enabled),
        *_signing_secret(before.secret, after.secret),
    )


def _signing_secret(before: str | None, after: str | None) -> Iterator[Difference]:
    """One that the manifest does not name stays as it is."""
    if after is not None and after != before:
        yield Difference("secret", HIDDEN, HIDDEN)


def app_differences(before: AppDraft, after: AppDraft) -> tuple[Difference, ...]:
    """`after` is tidied. A secret that the manifest does not name stays as it is."""
    held = {kind: value for kind, value in before.secrets.items() if kind in after.secrets}
    secrets = _by_key("", held, after.secrets, hides_all=True)
    return (
        *_plain("client_id", before.client_id, after.client_id),
        *_by_key("parameters", before.parameters, after.parameters),
        *_plain("scopes", _texts(before.scopes), _texts(after.scopes)),
        *_plain("enabled", before.enabled, after.enabled),
        *(Difference(one.field.removeprefix("."), one.before, one.after) for one in secrets),
    )


def route_differences(before: RouteDraft, after: RouteDraft) -> tuple[Difference, ...]:
    """A route that is given no name keeps its own."""
    is_reordered = set(before.patterns) == set(after.patterns)
    return (
        *_plain("name", before.name, before.name if after.name is None else after.name),
        *_plain("source", before.source, after.source),
        *_plain("types", before.patterns, before.patterns if is_reordered else after.patterns),
        *_plain("where", before.where, after.where),
        *_plain("transform", before.transform, after.transform),
        *_plain("allow_null", before.allow_null, after.allow_null),
        *_plain("connection", before.connection, after.connection),
        *_plain("to", before.destination, after.destination),
    )


def _plain(field: str, before: Shown, after: Shown) -> Iterator[Difference]:
    if before != after:
        yield Difference(field, before, after)


def _url(before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference("url", redact_url(before), redact_url(after))


def _by_key(
    field: str, before: Mapping[str, str], after: Mapping[str, str], *, hides_all: bool = False
) -> Iterator[Difference]:
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old != new:
            hides = hides_all or is_secret_name(key)
            # What no key opens has no name.
            path = f"{field}.{key}" if key else field
            yield Difference(path, _hidden(old) if hides else old, _hidden(new) if hides else new)


def _hidden(value: str | None) -> str | None:
    return None if value is None else HIDDEN


def _listed(steps: Sequence[float] | None) -> list[float] | None:
    return None if steps is None else list(steps)


def _texts(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
