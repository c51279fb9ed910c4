"""Whether a record can become an entity, and what it says then. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from gateway.entities.content import DIGEST_BYTES, NotJson, canonical, canonical_texts, joined_digest
from gateway.entities.external import ExternalResource, Mapped, Raw, RecordInvalid
from gateway.entities.models import LONGEST_EXTERNAL_ID
from gateway.entities.options import LARGEST_ENTITY_BYTES
from gateway.telemetry.logging import get_logger

MOST_RAW_BYTES = 262_144
"""Of a record in quarantine; what is longer is cut, and can only be read again from its system."""

_ESCAPED = b"\\u0000"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_log = get_logger(__name__)


class Flaw(NamedTuple):
    """What is wrong with a record: where in it, a code, and a sentence."""

    pointer: str
    code: str
    message: str


class Taken(NamedTuple):
    """A record that can be stored: `attributes` as canonical JSON, `digest` of what it says."""

    mapped: Mapped
    attributes: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that cannot. `key` tells it from the resource's others; `integration_id` is None where it has none that
    could be read. `raw` is its text, `is_cut` when that is not all of it.
    """

    key: bytes
    integration_id: str | None
    raw: str
    is_cut: bool
    flaws: tuple[Flaw, ...]


def judge(resource: ExternalResource, raw: Raw) -> Taken | Refused:
    """What a record says, or why it cannot be taken in."""
    try:
        mapped = resource.map(raw)
    except RecordInvalid as invalid:
        flaws = [Flaw(one.field, one.code, one.message) for one in invalid.faults]
        flaws = flaws or [Flaw("", invalid.code, str(invalid))]
        return refused(resource, raw, flaws)
    except Exception as error:
        # Code that is not ours, about a record that nobody expected: it costs this record, and not the run.
        _log.warning("a record could not be mapped", resource=resource.name, error=type(error).__name__)
        message = f"mapping it raised {type(error).__name__}: its type does not expect such a record"
        return refused(resource, raw, (Flaw("", "mapping_failed", message),))
    return judge_mapped(resource, raw, mapped)


def judge_mapped(resource: ExternalResource, raw: Raw, mapped: Mapped) -> Taken | Refused:
    """The same of a record that was mapped."""
    flaws = list(_flaws(mapped))
    try:
        attributes = canonical(mapped.attributes)
        columns = canonical_texts(mapped.name, mapped.state, mapped.parent, mapped.area)
    except NotJson as error:
        return refused(resource, raw, (*flaws, Flaw("", "not_json", f"it has what no JSON has: {error}")))
    if len(attributes) > LARGEST_ENTITY_BYTES:
        message = f"its attributes are {len(attributes)} bytes, and an entity has {LARGEST_ENTITY_BYTES} at most"
        flaws.append(Flaw("/attributes", "too_large", message))
    if _ESCAPED in attributes and _NUL.search(attributes):
        flaws.append(Flaw("/attributes", "unstorable_text", "a text has a NUL character in it"))
    if flaws:
        return refused(resource, raw, tuple(flaws))
    return Taken(mapped, attributes.decode("utf-8"), joined_digest(columns, attributes))


def refused(resource: ExternalResource, raw: Raw, flaws: Iterable[Flaw]) -> Refused:
    """A record on its way to quarantine."""
    integration_id = _identified(resource, raw)
    try:
        text = canonical(raw).decode("utf-8")
    except NotJson:
        text = repr(raw)
    kept = _storable(text)
    whole = text if integration_id is None else integration_id
    return Refused(
        key=record_key(whole),
        integration_id=None if integration_id is None else _storable(integration_id),
        raw=kept,
        is_cut=kept != text,
        flaws=tuple(flaws),
    )


def record_key(identity: str) -> bytes:
    """What tells a record from its resource's others: made of its external id, or of all of it where it has none."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _identified(resource: ExternalResource, raw: Raw) -> str | None:
    try:
        found: Any = resource.identify(raw)
    except Exception:
        return None
    return found if isinstance(found, str) and found else None


def _storable(text: str) -> str:
    """A text as both databases take it, cut where it is too long."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    return clean if len(clean) <= MOST_RAW_BYTES else clean[:MOST_RAW_BYTES]


def _flaws(mapped: Mapped) -> Iterable[Flaw]:
    if _is_plain(mapped):
        return
    if not isinstance(mapped.integration_id, str) or not mapped.integration_id:
        yield Flaw("/integration_id", "missing", "it has no external id")
    elif len(mapped.integration_id) > LONGEST_EXTERNAL_ID:
        message = f"its external id has {len(mapped.integration_id)} characters, more than {LONGEST_EXTERNAL_ID}"
        yield Flaw("/integration_id", "id_too_long", message)
    for column in ("integration_id", "name", "state", "parent", "area", "version", "merged_into"):
        value = getattr(mapped, column)
        if value is None:
            continue
        if not isinstance(value, str):
            yield Flaw(f"/{column}", "wrong_type", f"its {column} is no text")
        elif "\x00" in value:
            yield Flaw(f"/{column}", "unstorable_text", f"its {column} has a NUL character in it")
        elif column in ("parent", "merged_into") and len(value) > LONGEST_EXTERNAL_ID:
            yield Flaw(f"/{column}", "id_too_long", f"its {column} has more than {LONGEST_EXTERNAL_ID} characters")
    for column in ("state_at", "updated_at"):
        at = getattr(mapped, column)
        if at is not None and at.tzinfo is None:
            yield Flaw(f"/{column}", "no_zone", f"its {column} has no time zone")


def _is_plain(mapped: Mapped) -> bool:
    """Whether there is nothing to look at more closely, as with nearly all records."""
    integration_id = mapped.integration_id
    if type(integration_id) is not str or not 0 < len(integration_id) <= LONGEST_EXTERNAL_ID:
        return False
    if mapped.parent or mapped.merged_into or mapped.state_at or mapped.updated_at:
        return False
    texts = (integration_id, mapped.name, mapped.state, mapped.area, mapped.version)
    return all(one is None or (type(one) is str and "\x00" not in one) for one in texts)
