"""A manifest of what is there, so that applying it changes nothing, and makes the same elsewhere. Pure.

A section is a function from what is there to its list; `SECTIONS` names them in the order of the file. Secrets are not
exported: a file names the variables that are to hold them, a document for programs leaves them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.routes.draft import EVERYTHING
from gateway.delivery.routes.search import RouteSummary
from gateway.manifest.plan import Present
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.security.redaction import redact_url
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.schemes import SECRET

Item = dict[str, Any]

# Everybody may know these: they stand in the file.
PUBLIC = frozenset({"public_key"})
_NO_NAME = re.compile(r"[^A-Z0-9]+")


@dataclass(slots=True)
class Exporting:
    """An export on its way. With `names_variables` each secret is named by the variable that holds it."""

    present: Present
    names_variables: bool
    variables: list[str] = field(default_factory=list)

    def variable(self, *parts: str) -> str:
        """The variable for a secret, called after what it is of."""
        wanted = "_".join(_NO_NAME.sub("_", part.upper()).strip("_") for part in parts)
        name = wanted if not wanted[:1].isdigit() else f"_{wanted}"
        number = 2
        while name in self.variables:
            name, number = f"{wanted}_{number}", number + 1
        self.variables.append(name)
        return name


@dataclass(frozen=True, slots=True)
class Exported:
    """The document, and the variables that it names, which are to be set where it is applied."""

    document: Mapping[str, Sequence[Item]]
    variables: Sequence[str]


def export(present: Present, *, names_variables: bool, sections: Sequence[str] | None = None) -> Exported:
    """All of `present`, or its `sections`. A section without anything is left out."""
    exporting = Exporting(present, names_variables)
    wanted = SECTIONS if sections is None else {name: SECTIONS[name] for name in sections}
    document = {name: items for name, section in wanted.items() if (items := section(exporting))}
    return Exported(document, tuple(exporting.variables))


def _sources(exporting: Exporting) -> list[Item]:
    return [_source(exporting, draft) for _, draft in sorted(exporting.present.sources.items())]


def _source(exporting: Exporting, draft: SourceDraft) -> Item:
    item: Item = {"slug": draft.slug, "provider": draft.provider}
    _put(item, scheme=draft.scheme)
    public = {kind: value for kind, value in draft.credentials.items() if kind in PUBLIC}
    named = {kind: value for kind, value in draft.credentials.items() if kind not in PUBLIC}
    _put(item, credentials=public)
    if exporting.names_variables:
        if SECRET in named:
            item["secret_env"] = exporting.variable(draft.slug, "webhook_secret")
        others = {kind: exporting.variable(draft.slug, kind) for kind in sorted(named.keys() - {SECRET})}
        _put(item, credentials_env=others)
    _put(item, options=dict(draft.options), allowed_ips=list(draft.allowed_ips), rate=draft.rate_per_second)
    _put(item, redeliver_duplicates=draft.redeliver_duplicates, retention_days=draft.retention_days)
    _put_even_false(item, refuse_replays=draft.refuse_replays, enabled=False if draft.enabled is False else None)
    return item


def _destinations(exporting: Exporting) -> list[Item]:
    return [_destination(exporting, draft) for _, draft in sorted(exporting.present.destinations.items())]


def _destination(exporting: Exporting, draft: DestinationDraft) -> Item:
    item: Item = {"name": draft.name}
    if exporting.names_variables and redact_url(draft.url) != draft.url:
        item["url_env"] = exporting.variable(draft.name, "url")
    else:
        item["url"] = draft.url
    if exporting.names_variables:
        item["secret_env"] = exporting.variable(draft.name, "signing_secret")
    steps = draft.schedule_seconds
    _put(
        item,
        ordering_key=draft.ordering_key,
        timeout=draft.timeout_seconds,
        concurrency=draft.concurrency,
        rate=draft.rate_per_second,
        fatal_statuses=list(draft.fatal_statuses),
        connection=draft.connection,
    )
    if steps is not None:
        item["schedule"] = [int(step) if step == int(step) else step for step in steps]
    if exporting.names_variables:
        _put(item, headers_env={name: exporting.variable(draft.name, name) for name, _ in draft.headers})
    _put_even_false(item, enabled=False if draft.enabled is False else None)
    return item


def _routes(exporting: Exporting) -> list[Item]:
    return [_route(row) for row in sorted(exporting.present.routes, key=lambda row: row.name)]


def _route(row: RouteSummary) -> Item:
    item: Item = {"name": row.name, "source": row.source}
    types = [] if list(row.event_types) == [EVERYTHING] else list(row.event_types)
    _put(item, types=types, where=row.where, transform=row.transform, allow_null=row.allow_null)
    _put(item, connection=row.connection)
    return item | {"to": row.destination}


def _apps(exporting: Exporting) -> list[Item]:
    return [_app(exporting, draft) for _, draft in sorted(exporting.present.apps.items())]


def _app(exporting: Exporting, draft: AppDraft) -> Item:
    item: Item = {"name": draft.name, "provider": draft.provider}
    _put(item, client_id=draft.client_id)
    if exporting.names_variables:
        _put(item, **{f"{kind}_env": exporting.variable(draft.name, kind) for kind in draft.secrets})
    _put(item, parameters=dict(draft.parameters))
    _put_even_false(
        item,
        scopes=None if draft.scopes is None else list(draft.scopes),
        enabled=False if draft.enabled is False else None,
    )
    return item


SECTIONS: Mapping[str, Callable[[Exporting], list[Item]]] = {
    "sources": _sources,
    "destinations": _destinations,
    "routes": _routes,
    "app_credentials": _apps,
}


def _put(item: Item, **values: object) -> None:
    """Those of `values` that say something."""
    item.update({name: value for name, value in values.items() if value})


def _put_even_false(item: Item, **values: object) -> None:
    item.update({name: value for name, value in values.items() if value is not None})
