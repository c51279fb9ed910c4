"""Looking up what a create may have made whose answer was lost: by a value that the record and the entity share."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from gateway.clients.described.client import DescribedResource
from gateway.clients.errors import RemoteConflict
from gateway.entities.external import Outgoing, Raw
from gateway.integrations.kinds.rest.model import EntityDescription, FindDescription
from gateway.integrations.kinds.rest.paths import PathFailed, RecordPath, compile_path, present, word_of
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.integrations.kinds.rest.writing import document_of

PAGES_TO_FIND: Final = 10
"""How many pages are read: a list that does not know the parameter gives everything that there is."""


def find(
    listed: DescribedResource,
    entity: EntityDescription,
    rule: FindDescription,
    reader: RecordReader,
    outgoing: Outgoing,
) -> Raw | None:
    """The one record that has the value, whatever else the list answers; None where there is none.

    Raises `RemoteConflict` where several have it, `IntegrationError`.
    """
    wanted = _wanted(rule, outgoing)
    if wanted is None:
        return None
    path = compile_path(rule.record)
    options: dict[str, Any] = {"query": dict(entity.query)}
    if rule.parameter is not None:
        place = "body" if listed.description.method == "POST" else "query"
        options[place] = {**options.get(place, {}), rule.parameter: wanted}
    pages = islice(listed.pages(entity.parameters, **options), PAGES_TO_FIND)
    found = {
        reader.identify(record): record
        for page in pages
        for record in page.records
        if not reader.is_deleted(record) and _says(path, record, wanted)
    }
    if len(found) > 1:
        raise RemoteConflict(f"{len(found)} records of the system have this {rule.record}: it tells none of them apart")
    return next(iter(found.values()), None)


def _wanted(rule: FindDescription, outgoing: Outgoing) -> str | int | None:
    try:
        wanted = present(compile_path(rule.value).of(document_of(outgoing)))
    except PathFailed:
        return None
    return wanted if isinstance(wanted, str | int) and not isinstance(wanted, bool) and wanted != "" else None


def _says(path: RecordPath, record: Any, wanted: str | int) -> bool:
    try:
        found = present(path.of(record))
    except PathFailed:
        return False
    return isinstance(found, str | int) and word_of(found) == word_of(wanted)
