"""What patients and observations are as entities. Pure; no message quotes what a resource says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.entities.external import Direction, Mapped, Raw
from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription, StateDescription
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.providers.api.model import Paging, Resource, Write

_PATIENT: Final = "_patient"
_REFERENCE = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?\Z")


def _both(path: str, kind: str = "any", *, required: bool = False) -> FieldDescription:
    return FieldDescription(read=path, to=path, type=kind, required=required, direction=Direction.BOTH)


def _own(path: str, kind: str = "any") -> FieldDescription:
    return FieldDescription(read=path, type=kind)


_SHARED: Final[Mapping[str, Any]] = {"version": "meta.versionId", "updated_at": "meta.lastUpdated", "others": False}

PATIENT: Final = EntityDescription(
    kind="patient",
    name="name[0].text || join(' ', [name[0].given[0] || '', name[0].family || ''])",
    fields={
        "family": _own("name[0].family"),
        "given": _own("name[0].given"),
        "names": FieldDescription(read="name", to="name", type="list", direction=Direction.BOTH),
        "identifiers": FieldDescription(read="identifier", to="identifier", type="list", direction=Direction.BOTH),
        "telecom": _both("telecom", "list"),
        "address": _both("address", "list"),
        "gender": _both("gender", "text"),
        "birth_date": FieldDescription(read="birthDate", to="birthDate", type="text", direction=Direction.BOTH),
        "active": _both("active", "boolean"),
        "deceased": _own("deceasedDateTime || deceasedBoolean"),
    },
    **_SHARED,
)
OBSERVATION: Final = EntityDescription(
    kind="observation",
    name="code.text || code.coding[0].display || code.coding[0].code",
    fields={
        "status": _both("status", "text", required=True),
        "code": _both("code", "object", required=True),
        "subject": _both("subject", "object"),
        "category": _both("category", "list"),
        "value_quantity": FieldDescription(
            read="valueQuantity", to="valueQuantity", type="object", direction=Direction.BOTH
        ),
        "value_string": FieldDescription(read="valueString", to="valueString", type="text", direction=Direction.BOTH),
        "value_concept": _own("valueCodeableConcept"),
        "effective_at": FieldDescription(
            read="effectiveDateTime", to="effectiveDateTime", type="text", direction=Direction.BOTH
        ),
        "interpretation": _own("interpretation"),
        "note": _both("note", "list"),
        "components": _own("component"),
    },
    state=StateDescription(read="status"),
    parent=_PATIENT,
    **_SHARED,
)
TYPES: Final[Mapping[str, tuple[str, EntityDescription]]] = {
    "patients": ("Patient", PATIENT),
    "observations": ("Observation", OBSERVATION),
}
"""By resource of ours FHIR's name for it, and what it is here."""

LISTED: Final = Resource(
    path="",
    records="entry",
    id="id",
    paging=Paging("single"),
    writes={name: Write("PUT", "/{id}") for name in ("create", "update", "delete")},
)


class FhirReader:
    """Reads resources of one type."""

    def __init__(self, entity: EntityDescription) -> None:
        self._reader = RecordReader(entity, LISTED)

    def identify(self, raw: Raw) -> str | None:
        """The logical id."""
        return self._reader.identify(raw)

    def read(self, raw: Raw) -> Mapped:
        """What a resource says. Raises `RecordInvalid`."""
        return self._reader.read({**raw, _PATIENT: _patient_of(raw)} if isinstance(raw, Mapping) else raw)

    def version(self, raw: Raw) -> str | None:
        """Its version, as far as it has one."""
        meta = raw.get("meta") if isinstance(raw, Mapping) else None
        found = meta.get("versionId") if isinstance(meta, Mapping) else None
        return found if isinstance(found, str) else None


def without_nothing(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as FHIR writes it: what there is not is left out."""
    return {name: value for name, value in resource.items() if value is not None and value not in ("", [], {})}


def _patient_of(raw: Mapping[str, Any]) -> str | None:
    """The id of the patient that an observation is about, where it is one of the same server."""
    subject = raw.get("subject")
    reference = subject.get("reference") if isinstance(subject, Mapping) else None
    found = _REFERENCE.search(reference) if isinstance(reference, str) else None
    return found[1] if found else None
