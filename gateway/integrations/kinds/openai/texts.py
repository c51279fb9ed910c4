"""What of an entity is embedded, and what an embedding is as an entity itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription
from gateway.integrations.kinds.rest.paths import PathFailed, RecordPath, present
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.providers.api.model import Paging, Resource

KIND: Final = "embedding"

EMBEDDING: Final = EntityDescription(
    kind=KIND,
    name="name",
    fields={
        "entity": FieldDescription(read="id", type="text", required=True),
        "of": FieldDescription(read="of", type="text", required=True),
        "of_kind": FieldDescription(read="of_kind", type="text", required=True),
        "model": FieldDescription(read="model", type="text", required=True),
        "digest": FieldDescription(read="digest", type="text", required=True),
        "vector": FieldDescription(read="vector", type="list", required=True),
    },
    others=False,
)


def embedding_reader() -> RecordReader:
    """What reads records of embeddings."""
    return RecordReader(EMBEDDING, Resource(path="", records="@", id="id", paging=Paging("single")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An entity of another integration, with the text that is embedded. `id` is the entity's own (`ent_…`)."""

    id: str
    key: str
    kind: str
    name: str | None
    text: str

    def digest(self, model: str, dimensions: int | None) -> str:
        """Differs where another vector is due."""
        return blake2b(orjson.dumps([model, dimensions, self.text]), digest_size=16).hexdigest()

    def record(self, model: str, digest: str, vector: Sequence[float] | None) -> dict[str, Any]:
        """The record of its embedding. Without a vector it is none, and goes to quarantine."""
        told = {"id": self.id, "of": self.key, "of_kind": self.kind, "name": self.name, "model": model}
        more = {} if vector is None else {"vector": [float(f"{number:.7g}") for number in vector]}
        return {**told, "digest": digest, **more}


def text_of(paths: Sequence[RecordPath], entity: Mapping[str, Any], longest: int) -> str:
    """The chosen fields of an entity, one a line; empty where it has none of them."""
    lines = []
    for path in paths:
        try:
            found = present(path.of(entity))
        except PathFailed:
            continue
        if found is None or found in ("", [], {}):
            continue
        text = found if isinstance(found, str) else orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()
        lines.append(f"{path.text.rpartition('.')[2]}: {text}" if path.steps else text)
    return "\n".join(lines)[:longest]
