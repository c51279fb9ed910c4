"""A system's description from what a person wrote: YAML, or the lists of a catalogue entry as they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from marshmallow import ValidationError

from gateway.errors import Fault, Hint, InvalidInput
from gateway.integrations.kinds.rest import soundness
from gateway.integrations.kinds.rest.model import EntityDescription, SystemDescription
from gateway.integrations.kinds.rest.schema import SystemSchema
from gateway.providers.api import soundness as api_soundness
from gateway.providers.api.model import Api, Resource
from gateway.schema_fields import faults_of
from gateway.strict_yaml import load_strictly
from gateway.suggestions import suggest

LARGEST_DESCRIPTION_BYTES: Final = 262_144
_SCHEMA = SystemSchema()


class DescriptionInvalid(InvalidInput):
    """A description of a system that cannot be used; `faults` have the paths of its keys."""

    code = "description_invalid"
    tells_paths: ClassVar[bool] = True


def describe(
    written: str | Mapping[str, Any] | None, *, api: Api | None = None, chosen: Sequence[str] = ()
) -> SystemDescription:
    """The system that `written` describes, or of which `api` is known already: that of a catalogue entry. `chosen` are
    the names of the lists that are taken; none: those that have `entities`, else all.

    Raises `DescriptionInvalid` with everything that is wrong.
    """
    data = _loaded(_document(written))
    if api is not None and "api" in data:
        raise _invalid("api", "not_taken", "the catalogue says how this provider is called: leave it out")
    found: Api | None = api if api is not None else data.get("api")
    if found is None:
        raise _invalid("api", "missing", "says how the system is called: base_url, credential, resources")
    if api is None and (wrong := api_soundness.faults(found)):
        raise DescriptionInvalid(faults=[_line(fault) for fault in wrong])
    entities: Mapping[str, Mapping[str, Any]] = data.get("entities", {})
    names = list(chosen) or list(entities) or list(found.resources)
    if not names:
        raise _invalid("api.resources", "missing", "says which lists the system has")
    if unknown := [_unknown(name, found) for name in {*names, *entities} if name not in found.resources]:
        raise DescriptionInvalid(faults=unknown)
    made = {name: _entity(name, found.resources[name], entities.get(name, {})) for name in names}
    system = SystemDescription(api=found, entities=made)
    if wrong_entities := list(soundness.faults(system)):
        raise DescriptionInvalid(faults=wrong_entities)
    return system


def _document(written: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if written is None or isinstance(written, Mapping):
        return written or {}
    if len(written.encode()) > LARGEST_DESCRIPTION_BYTES:
        raise _invalid("", "too_long", f"the description has more than {LARGEST_DESCRIPTION_BYTES} bytes")
    try:
        document = load_strictly(written)
    except ValueError as error:
        raise _invalid("", "malformed", f"the description is {error}") from error
    if not isinstance(document, Mapping):
        raise _invalid("", "malformed", "the description has the keys `api` and `entities`")
    return document


def _loaded(document: Mapping[str, Any]) -> Mapping[str, Any]:
    api = document.get("api")
    if isinstance(api, Mapping) and "docs" not in api:
        # A catalogue entry says what it was made from; a person's own description is what there is.
        document = {**document, "api": {"docs": "", **api}}
    try:
        loaded: Mapping[str, Any] = _SCHEMA.load(document)
    except ValidationError as error:
        raise DescriptionInvalid(faults=list(faults_of(error.messages_dict))) from error
    return loaded


def _entity(name: str, resource: Resource, data: Mapping[str, Any]) -> EntityDescription:
    given = {"kind": singular(name), "updated_at": resource.updated_at}
    if resource.concurrency is not None:
        given["version"] = resource.concurrency.version
    return EntityDescription(**given | dict(data))


def singular(name: str) -> str:
    """What one of a list is called: `contacts` has each a `contact`, `companies` a `company`."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if text.endswith("ies") and len(text) > 4:
        return text[:-3] + "y"
    if text.endswith(("sses", "xes", "ches", "shes")):
        return text[:-2]
    return text[:-1] if text.endswith("s") and not text.endswith("ss") else text


def _unknown(name: str, api: Api) -> Fault:
    known = sorted(api.resources)
    message = f"there is no list {name!r} (there is: {', '.join(known) or 'none'})"
    hint = suggest(name, known, Hint("choose_one_of", {"names": known}))
    return Fault("resources", "unknown", message, hint=hint)


def _line(fault: str) -> Fault:
    key, _, reason = fault.partition(": ")
    return Fault(f"api.{key}", "malformed", reason)


def _invalid(field: str, code: str, message: str) -> DescriptionInvalid:
    return DescriptionInvalid(faults=[Fault(field, code, message)])
