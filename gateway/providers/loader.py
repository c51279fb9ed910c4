"""Catalogue files from disk to providers, with errors that name file, key and reason.

The file's name is the provider's id. What files may contain is in `schema` and `soundness`; which files make up the
catalogue is in `registry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from gateway.errors import ConfigurationError
from gateway.providers.api import soundness as api_soundness
from gateway.providers.later import Later
from gateway.providers.model import Evidence, Provider
from gateway.providers.oauth import soundness as oauth_soundness
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import Sources
from gateway.providers.schema import ProviderSchema
from gateway.providers.webhook import soundness
from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.model import NO_WEBHOOKS
from gateway.strict_yaml import load_strictly

# `gateway` is the source of our own events; a provider of that name would be taken for it.
RESERVED_IDS = frozenset({"gateway"})
MAX_FILE_BYTES = 256 * 1024

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_SCHEMA = ProviderSchema()


class CatalogueError(ConfigurationError):
    """Catalogue files that cannot be used; `faults` has one sentence per fault, `file: key: reason`."""

    code = "catalogue_invalid"


def is_provider_id(text: str) -> bool:
    """Whether a provider can be called so."""
    return _ID.fullmatch(text) is not None


def load_directory(directory: Path) -> dict[str, Provider]:
    """Every `*.yaml` file of a directory. Raises CatalogueError that lists the faults of all of them."""
    if not directory.is_dir():
        raise CatalogueError([f"{directory}: is not a directory"])
    providers: dict[str, Provider] = {}
    found: list[str] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            providers[path.stem] = load_file(path)
        except CatalogueError as error:
            found += error.faults
    if found:
        raise CatalogueError(found)
    return providers


def load_file(path: Path) -> Provider:
    """One provider from its file. Raises CatalogueError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CatalogueError([f"{path.name}: is larger than {MAX_FILE_BYTES} bytes"])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError([f"{path.name}: cannot be read: {error}"]) from error
    return parse_provider(path.stem, text, origin=path.name)


def parse_provider(provider_id: str, text: str, *, origin: str) -> Provider:
    """One provider from the text of its file. Raises CatalogueError; `origin` names the file in it."""
    if not is_provider_id(provider_id):
        raise CatalogueError([f"{origin}: the file's name must be lower-case words joined by '-'"])
    if provider_id in RESERVED_IDS:
        raise CatalogueError([f"{origin}: the id {provider_id!r} is reserved for the gateway's own events"])
    try:
        raw = load_strictly(text)
    except ValueError as error:
        raise CatalogueError([f"{origin}: {error}"]) from error
    if not isinstance(raw, dict):
        raise CatalogueError(
            [f"{origin}: must be a mapping with the keys name, category, docs, evidence, and webhook, oauth or api"]
        )
    try:
        data = _SCHEMA.load(raw)
    except ValidationError as error:
        raise CatalogueError([f"{origin}: {fault}" for fault in _flatten(error.messages, "")]) from error
    return _build(provider_id, data, origin)


def _build(provider_id: str, data: Mapping[str, Any], origin: str) -> Provider:
    options = data.get("options", {})
    binding = frozenset(name for name, option in options.items() if option.binds)
    webhook = soundness.with_all_needs(data.get("webhook", NO_WEBHOOKS), binding)
    faults = [f"webhook.{fault}" for fault in soundness.faults(webhook, frozenset(options), binding, FUNCTIONS.keys())]
    api = data.get("api")
    if api is not None:
        faults += [f"api.{fault}" for fault in api_soundness.faults(api)]
    oauth = data.get("oauth")
    if oauth is not None:
        faults += [f"oauth.{fault}" for fault in oauth_soundness.faults(oauth)]
        if oauth.ended_by and not webhook.schemes:
            faults.append("oauth.ended_by: are webhooks, and without `webhook` none comes")
    if faults:
        raise CatalogueError([f"{origin}: {fault}" for fault in faults])
    return Provider(
        id=provider_id,
        name=data["name"],
        category=data["category"],
        docs=data.get("docs", ""),
        evidence=data.get("evidence") or _evidence(data["oauth"].evidence),
        webhook=webhook,
        setup=tuple(data.get("setup", ())),
        quirks=tuple(data.get("quirks", ())),
        options=options,
        origin=origin,
        api=api,
        connecting=Later(lambda: oauth) if oauth is not None else None,
        ending_events=_ending_events(oauth),
    )


def _ending_events(oauth: OAuth | None) -> tuple[str, ...]:
    notices = oauth.ended_by if oauth is not None else ()
    return tuple(dict.fromkeys(event for notice in notices for event in notice.events))


def _evidence(sources: Sources) -> Evidence:
    """That of an entry of which only the section `oauth` is known."""
    return Evidence(sources.level, sources.by)


def _flatten(messages: object, key: str) -> Iterator[str]:
    """Marshmallow's nested messages as `key.key: reason` lines."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # What marshmallow puts between the name of a mapping's item and what is wrong with it.
            is_between = name in ("_schema", "value") or (name == "key" and not isinstance(inner, Mapping))
            step = "" if is_between else str(name)
            yield from _flatten(inner, f"{key}.{step}".strip("."))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(inner, key)
    else:
        yield f"{key}: {messages}" if key else str(messages)
