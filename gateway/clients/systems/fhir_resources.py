"""Resources of FHIR: what is checked before one is sent, and what a server tells of one that it holds. Pure.

https://hl7.org/fhir/R4/json.html and https://hl7.org/fhir/R4/http.html. Neither an error nor the `repr` of anything
here shows content or the id of a resource: both may tell of a patient.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from gateway.clients.errors import ResponseInvalid
from gateway.clients.values import Answer
from gateway.errors import Fault, InvalidInput

MAX_DEPTH: Final = 60

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')
_PLACE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?/?$")
_PATCHES: Final = frozenset({"add", "remove", "replace", "move", "copy", "test"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a server holds it. `version_id` and `updated_at` (aware) are None where it does not say."""

    type: str
    id: str = field(repr=False)
    version_id: str | None
    updated_at: datetime | None
    content: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write. `is_created` is False where the resource was there already.

    `resource` is what the server holds now, None where it does not say.
    """

    type: str
    id: str = field(repr=False)
    version_id: str | None
    is_created: bool
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One version in a history. `action` is `create`, `update` or `delete`; a deletion has no `resource`."""

    action: str
    type: str
    id: str = field(repr=False)
    version_id: str | None
    changed_at: datetime | None
    resource: Resource | None = None


def resource_type(name: str) -> str:
    """`name`. Raises `InvalidInput` when no type of resource is called so."""
    if not isinstance(name, str) or _TYPE.fullmatch(name) is None:
        raise InvalidInput.at("resourceType", "malformed", "the type of a resource is a name such as Patient")
    return name


def resource_id(given: str) -> str:
    """`given`. Raises `InvalidInput` when it can be no id, without quoting it."""
    if not isinstance(given, str) or _ID.fullmatch(given) is None or given in {".", ".."}:
        raise InvalidInput.at("id", "malformed", "an id has 1 to 64 letters, digits, hyphens and dots")
    return given


def to_create(resource: Mapping[str, Any]) -> str:
    """The type of a resource that is to be created. Raises `InvalidInput` with all its faults."""
    faults = list(_faults(resource))
    if isinstance(resource, Mapping) and "id" in resource:
        message = "a server gives ids itself and ignores this one: leave it out, or update under an id of your own"
        faults.append(Fault("id", "not_taken", message))
    if faults:
        raise InvalidInput(faults=faults)
    return str(resource["resourceType"])


def to_update(resource: Mapping[str, Any]) -> tuple[str, str]:
    """Type and id of a resource that is to be updated. Raises `InvalidInput` with all its faults."""
    faults = list(_faults(resource))
    identifier = resource.get("id") if isinstance(resource, Mapping) else None
    if not isinstance(identifier, str) or _ID.fullmatch(identifier) is None:
        faults.append(
            Fault("id", "missing", "an update names its resource: the id stands in it, as it does in the URL")
        )
    if faults:
        raise InvalidInput(faults=faults)
    return str(resource["resourceType"]), str(identifier)


def to_patch(operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A JSON Patch (RFC 6902). Raises `InvalidInput` for what is none."""
    if not operations:
        raise InvalidInput("a patch has at least one operation")
    for number, one in enumerate(operations):
        name, at = one.get("op"), f"[{number}]"
        if name not in _PATCHES:
            raise InvalidInput.at(f"{at}.op", "not_allowed", f"op is one of {', '.join(sorted(_PATCHES))}")
        for needed in ("path", *(("from",) if name in {"move", "copy"} else ())):
            if not isinstance(one.get(needed), str) or not one[needed].startswith("/"):
                raise InvalidInput.at(f"{at}.{needed}", "malformed", f"{needed} is a JSON Pointer, such as /active")
        if name in {"add", "replace", "test"} and "value" not in one:
            raise InvalidInput.at(f"{at}.value", "missing", f"{name} has a value")
    return [dict(one) for one in operations]


def condition(parameters: Mapping[str, str]) -> str:
    """What stands in `If-None-Exist`: a search as it stands in a URL. Raises `InvalidInput` for an empty one."""
    if not parameters or not all(name and value for name, value in parameters.items()):
        # An empty one matches whatever is there.
        raise InvalidInput("a conditional create says what it looks for: {'identifier': 'system|value'}")
    return "&".join(f"{quote(name, safe=':')}={quote(value, safe='|:/')}" for name, value in parameters.items())


def etag(version_id: str) -> str:
    """A version as `If-Match` and `If-None-Match` have it; one that is an ETag already stays."""
    if _ETAG.fullmatch(version_id):
        return version_id
    if _ID.fullmatch(version_id) is None:
        raise InvalidInput('a version is what the server gave: 3, or an ETag such as W/"3"')
    return f'W/"{version_id}"'


def version_in(header: str | None) -> str | None:
    """The version in an ETag."""
    found = _ETAG.fullmatch(header.strip()) if header else None
    return found[1] if found else None


def instant(at: datetime) -> str:
    """`at` as FHIR writes an instant. Raises `InvalidInput` without a time zone."""
    if at.tzinfo is None:
        raise InvalidInput("a time without a time zone may mean several: give an aware datetime")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_instant(text: object) -> datetime | None:
    """A FHIR instant or an HTTP date; None for what is neither."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def resource_in(found: object) -> Resource:
    """A resource of an answer. Raises `ResponseInvalid`."""
    if not isinstance(found, Mapping):
        raise ResponseInvalid("a resource was due, and something else came")
    name, identifier, meta = found.get("resourceType"), found.get("id"), found.get("meta")
    if not isinstance(name, str) or not isinstance(identifier, str | int) or isinstance(identifier, bool):
        raise ResponseInvalid("a resource came without resourceType or id")
    about: Mapping[str, Any] = meta if isinstance(meta, Mapping) else {}
    version = about.get("versionId")
    return Resource(
        name,
        str(identifier),
        str(version) if isinstance(version, str | int) else None,
        read_instant(about.get("lastUpdated")),
        found,
    )


def written_in(answer: Answer, name: str, identifier: str | None) -> Written:
    """What an answer tells of a write to a resource. Raises `ResponseInvalid` when it does not say which one."""
    document = answer.document if answer.body else None
    held = None
    if isinstance(document, Mapping) and document.get("resourceType") == name:
        held = resource_in(document)
    place = place_in(answer.headers.get("location") or answer.headers.get("content-location"))
    found = held.id if held else place[1] if place and place[0] == name else identifier
    if found is None:
        raise ResponseInvalid("the server says neither by Location nor by a body what it created")
    version = version_in(answer.headers.get("etag")) or (held.version_id if held else None)
    return Written(name, found, version or (place[2] if place else None), answer.status == 201, held)


def place_in(url: object) -> tuple[str, str, str | None] | None:
    """Type, id and version in a URL of a resource."""
    found = _PLACE.search(url.partition("?")[0]) if isinstance(url, str) else None
    return (found[1], found[2], found[3]) if found else None


def _faults(resource: object) -> Iterator[Fault]:
    if not isinstance(resource, Mapping):
        yield Fault("", "malformed", "a resource is an object")
        return
    name = resource.get("resourceType")
    if not isinstance(name, str) or _TYPE.fullmatch(name) is None:
        yield Fault("resourceType", "missing", "a resource says its resourceType, such as Patient")
    yield from _value_faults(resource, "", 0)


def _value_faults(value: object, at: str, depth: int) -> Iterator[Fault]:
    if depth > MAX_DEPTH:
        yield Fault(at, "too_long", f"a resource is at most {MAX_DEPTH} levels deep")
    elif isinstance(value, Mapping | list | tuple | str) and not value:
        yield Fault(at, "malformed", f"{at or 'a resource'} is empty: FHIR leaves out what there is not")
    elif value is None:
        yield Fault(at, "malformed", f"{at} is null: FHIR leaves out what there is not")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Fault(at, "malformed", f"{at} is no number")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _value_faults(inner, f"{at}.{name}" if at else str(name), depth + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            # A null holds a place in lists of primitive values that have extensions.
            if inner is not None:
                yield from _value_faults(inner, f"{at}[{number}]", depth + 1)
