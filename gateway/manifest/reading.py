"""The manifest: sources, destinations, routes and app credentials in one YAML file, read and checked for its shape.

What a manifest would change is `plan`'s matter, changing it `apply`'s.

    sources:
      - slug: github
        provider: github
        secret_env: GITHUB_WEBHOOK_SECRET     # or secret: …; or credentials: {kind: …}, credentials_env: {kind: VAR}
    destinations:
      - name: app
        url: https://app.example.com/events
        headers: {X-Team: payments}           # or headers_env: {Authorization: APP_TOKEN}
        secret_env: APP_SIGNING_SECRET        # or secret: …; without, one is made. url_env: … instead of url
    routes:
      - {name: reviews, source: github, types: [pull_request.*], to: app}
    app_credentials:
      - name: github
        provider: github
        client_id: Iv1.8a61f9b3a7aba766
        client_secret_env: GITHUB_CLIENT_SECRET   # or client_secret: …; or private_key, private_key_env
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.draft_schema import DestinationDraftSchema, destination_draft
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.draft_schema import RouteDraftSchema, route_draft
from gateway.errors import Fault, InvalidInput
from gateway.manifest.salvage import salvage, told_beside, with_suggestion
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.draft_schema import AppDraftSchema, app_draft
from gateway.oauth.vault import CLIENT_SECRET, PRIVATE_KEY
from gateway.schema_fields import faults_of, texts
from gateway.strict_yaml import load_strictly
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.draft_schema import SourceDraftSchema, source_draft
from gateway.webhooks.sources.schemes import SECRET

MAX_BYTES = 4 * 1024 * 1024
STANDARD_INPUT = Path("-")
# Stands for one that could not be read, which is told already: nothing else is wrong with it.
UNREAD_URL = "https://unread.invalid/"
_PLACE = re.compile(r"\b(sources|destinations|routes|app_credentials)\[(\d+)\]")

ReadVariable = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file asks for."""

    sources: tuple[SourceDraft, ...] = ()
    destinations: tuple[DestinationDraft, ...] = ()
    routes: tuple[RouteDraft, ...] = ()
    app_credentials: tuple[AppDraft, ...] = ()
    kept_headers: frozenset[str] = frozenset()
    """Names of destinations whose headers it does not speak of: they stay as they are."""
    unread: frozenset[str] = frozenset()
    """Names of things that could not be read: what leads to them is no fault of its own."""
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Where in the file the things stand, by section, when some could not be read."""

    def placed(self, fault: Fault) -> Fault:
        """`fault`, which counts what could be read, with the places of the file."""

        def moved(match: re.Match[str]) -> str:
            places = self.places.get(match[1])
            return match[0] if places is None else f"{match[1]}[{places[int(match[2])]}]"

        return replace(fault, field=_PLACE.sub(moved, fault.field), message=_PLACE.sub(moved, fault.message))


@dataclass(slots=True)
class _Reading:
    """A file on its way to a manifest: every fault is remembered, with the path of its key."""

    read_variable: ReadVariable
    faults: list[Fault] = field(default_factory=list)

    def variables(self, names: Mapping[str, str], path: str) -> dict[str, str]:
        """What the named variables hold; one that is not set is a fault."""
        found = {}
        for key, name in names.items():
            value = self.read_variable(name)
            if value:
                found[key] = value
            else:
                message = f"the variable {name} is not set or empty"
                self.faults.append(Fault(f"{path}.{key}", "unset_variable", message, {"variable": name}))
        return found

    def one_of(self, data: Mapping[str, Any], key: str, path: str) -> str | None:
        """What is given as `key`, or in the variable that `key_env` names; None in neither."""
        named = f"{key}_env"
        if key in data and named in data:
            self.faults.append(Fault(f"{path}.{key}", "conflicting", f"give {key} or {named}, not both"))
        if named in data:
            return self.variables({named: data[named]}, path).get(named)
        value: str | None = data.get(key)
        return value


class SourceItem(SourceDraftSchema):
    """A source as a manifest has it. No secret is made for it: a manifest may be applied again."""

    class Meta:
        exclude = ("generate_secret",)

    slug = fields.String(required=True)
    rate = fields.Float()
    secret = fields.String()
    enabled = fields.Boolean()


class DestinationItem(DestinationDraftSchema):
    """A destination as a manifest has it."""

    timeout = fields.Float()
    rate = fields.Float()
    schedule = fields.List(fields.Float())
    concurrency = fields.Integer(strict=True)
    ordering_key = fields.String()
    enabled = fields.Boolean()


class RouteItem(RouteDraftSchema):
    """A route as a manifest has it."""

    types = fields.List(fields.String(), validate=validate.Length(min=1))
    where = fields.String()
    transform = fields.String()
    to = fields.String(required=True)
    name = fields.String()


class AppItem(AppDraftSchema):
    """App credentials as a manifest has them."""

    enabled = fields.Boolean()


class ManifestSchema(Schema):
    """Sources, destinations, routes and app credentials, with everything written out."""

    sources = fields.List(fields.Nested(SourceItem), load_default=list)
    destinations = fields.List(fields.Nested(DestinationItem), load_default=list)
    routes = fields.List(fields.Nested(RouteItem), load_default=list)
    app_credentials = fields.List(fields.Nested(AppItem), load_default=list)


class FileSource(SourceItem):
    """A source in a file, whose secrets may also stand in variables."""

    secret_env = fields.String()
    credentials_env = texts()


class FileDestination(DestinationItem):
    """A destination in a file, whose headers, signing secret and URL may also stand in variables."""

    headers_env = texts()
    secret_env = fields.String()
    url = fields.String()
    url_env = fields.String()


class FileApp(AppItem):
    """App credentials in a file, whose secrets may also stand in variables."""

    client_secret_env = fields.String()
    private_key_env = fields.String()


class FileSchema(ManifestSchema):
    """A file, written by somebody who may read the variables of this process."""

    sources = fields.List(fields.Nested(FileSource), load_default=list)
    destinations = fields.List(fields.Nested(FileDestination), load_default=list)
    app_credentials = fields.List(fields.Nested(FileApp), load_default=list)


def read_file(path: Path) -> str:
    """The file's text; `-` is standard input. Raises `InvalidInput`."""
    try:
        if path == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES} bytes")
    return text


def parse(text: str, read_variable: ReadVariable) -> tuple[Manifest, list[Fault]]:
    """The manifest in `text`, with every fault of its shape by key path (`sources[0].slug`).

    `read_variable` gives what the named variables hold. With faults the manifest has what could be read, so that it can
    be judged all the same, and is not to be carried out. Raises `InvalidInput` when the text is not YAML at all.
    """
    try:
        raw = load_strictly(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise InvalidInput("the file must be a mapping with the keys sources, destinations, routes, app_credentials")
    try:
        data = FileSchema().load(raw)
    except ValidationError as error:
        found = [with_suggestion(fault, FileSchema()) for fault in faults_of(error.messages)]
        salvaged = salvage(raw, FileSchema())
        manifest, more = manifest_of(salvaged.data, read_variable)
        manifest = replace(manifest, places=salvaged.places, unread=salvaged.unread)
        return manifest, found + told_beside(found, [manifest.placed(fault) for fault in more])
    return manifest_of(data, read_variable)


def manifest_of(
    data: Mapping[str, Any], read_variable: ReadVariable = lambda _name: None
) -> tuple[Manifest, list[Fault]]:
    """The manifest that a schema of this module loaded, with the faults that no schema finds."""
    reading = _Reading(read_variable)
    manifest = Manifest(
        sources=tuple(_source(item, f"sources[{i}]", reading) for i, item in enumerate(data["sources"])),
        destinations=tuple(
            _destination(item, f"destinations[{i}]", reading) for i, item in enumerate(data["destinations"])
        ),
        routes=tuple(route_draft(item) for item in data["routes"]),
        app_credentials=tuple(
            _app(item, f"app_credentials[{i}]", reading) for i, item in enumerate(data["app_credentials"])
        ),
    )
    silent = [one["name"] for one in data["destinations"] if not one.keys() & {"headers", "headers_env"}]
    manifest = replace(manifest, kept_headers=frozenset(silent))
    return manifest, reading.faults + list(_repeated(manifest))


def _source(data: Mapping[str, Any], path: str, reading: _Reading) -> SourceDraft:
    credentials = dict(data.get("credentials", {}))
    for key, named in reading.variables(data.get("credentials_env", {}), f"{path}.credentials_env").items():
        credentials[key] = named
    if "secret" in data and "secret_env" in data:
        reading.faults.append(Fault(f"{path}.secret", "conflicting", "give secret or secret_env, not both"))
    if "secret_env" in data:
        secret = reading.variables({"secret_env": data["secret_env"]}, path).get("secret_env")
        # A variable that is not set is a fault already; the missing secret need not be one more.
        credentials[SECRET] = secret or SECRET
    elif "secret" in data:
        credentials[SECRET] = data["secret"]
    return source_draft({**data, "credentials": credentials})


def _destination(data: Mapping[str, Any], path: str, reading: _Reading) -> DestinationDraft:
    headers = dict(data.get("headers", {})) | reading.variables(data.get("headers_env", {}), f"{path}.headers_env")
    held = {key: value for key in ("url", "secret") if (value := reading.one_of(data, key, path)) is not None}
    if "url" not in held:
        missing = "url_env" not in data
        reading.faults += [Fault(f"{path}.url", "missing", "give url, or url_env")] if missing else []
        held["url"] = UNREAD_URL
    return destination_draft({**data, **held, "headers": headers})


def _app(data: Mapping[str, Any], path: str, reading: _Reading) -> AppDraft:
    secrets: dict[str, str] = {}
    for kind in (CLIENT_SECRET, PRIVATE_KEY):
        named = f"{kind}_env"
        if kind in data and named in data:
            reading.faults.append(Fault(f"{path}.{kind}", "conflicting", f"give {kind} or {named}, not both"))
        if named in data:
            # A variable that is not set is a fault already; the missing secret need not be one more.
            secrets[kind] = reading.variables({named: data[named]}, path).get(named) or kind
        elif kind in data:
            secrets[kind] = data[kind]
    return app_draft({**data, **secrets})


def _repeated(manifest: Manifest) -> Iterator[Fault]:
    slugs: set[str] = set()
    for index, source in enumerate(manifest.sources):
        if source.slug in slugs:
            yield Fault(f"sources[{index}].slug", "duplicate", f"{source.slug!r} stands here twice")
        slugs.add(source.slug)
    names: set[str] = set()
    for index, destination in enumerate(manifest.destinations):
        if destination.name in names:
            yield Fault(f"destinations[{index}].name", "duplicate", f"{destination.name!r} stands here twice")
        names.add(destination.name)
    apps: set[str] = set()
    for index, app in enumerate(manifest.app_credentials):
        if app.name in apps:
            yield Fault(f"app_credentials[{index}].name", "duplicate", f"{app.name!r} stands here twice")
        apps.add(app.name)
    for index, route in enumerate(manifest.routes):
        before = manifest.routes[:index]
        if route.name is not None and any(other.name == route.name for other in before):
            yield Fault(f"routes[{index}].name", "duplicate", f"{route.name!r} stands here twice")
        same = next((number for number, other in enumerate(before) if other.is_same(route)), None)
        if same is not None:
            yield Fault(f"routes[{index}]", "duplicate", f"says exactly what routes[{same}] does")
