"""Records of a described system as entities. Pure, and raising nothing but `RecordInvalid`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.entities.external import Mapped, Raw, RecordInvalid
from gateway.errors import Fault
from gateway.integrations.kinds.rest.instants import instant_of
from gateway.integrations.kinds.rest.model import EntityDescription
from gateway.integrations.kinds.rest.paths import ABSENT, PathFailed, RecordPath, compile_path, present, word_of
from gateway.integrations.kinds.rest.records import RecordJudge
from gateway.providers.api.model import Resource

LONGEST_ID: Final = 512
"""Characters of an external id."""


class RecordReader:
    """Reads the records of one list. Made once of its description; safe from any thread."""

    def __init__(self, entity: EntityDescription, resource: Resource) -> None:
        self._zone = ZoneInfo(entity.zone)
        self._id = compile_path(resource.id)
        self._deleted = _path(resource.deleted)
        self._fields = {name: (compile_path(one.read), one) for name, one in entity.fields.items() if one.read}
        self._name = _path(entity.name)
        self._judge = RecordJudge({name: one for name, (_, one) in self._fields.items()}, self._zone)
        self._state, self._state_at = (
            (_path(entity.state.read), _path(entity.state.at)) if entity.state else (None, None)
        )
        self._states = _words(entity.state.values if entity.state else ())
        self._words = {name: _words(one.values) for name, one in entity.fields.items()}
        self._parent, self._area = _path(entity.parent), _path(entity.area)
        self._version, self._updated_at = _path(entity.version), _path(entity.updated_at)
        self._mark, self._merged_into = _path(entity.mark), _path(entity.merged_into)
        self._within = _path(entity.within)
        self._keeps_others = entity.others
        self._named = self._members_named(entity)

    def identify(self, raw: Raw) -> str | None:
        """The external id, None where there is none that can be kept."""
        try:
            found = self._id.of(raw)
        except PathFailed:
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            return None
        text = str(found) if isinstance(found, str) or abs(found) < 10**LONGEST_ID else ""
        return text if 0 < len(text) <= LONGEST_ID and "\x00" not in text else None

    def updated_at(self, raw: Raw) -> datetime | None:
        """When the record changed last by its own word, as far as it can be read."""
        try:
            return None if self._updated_at is None else instant_of(self._updated_at.of(raw), self._zone)
        except PathFailed:
            return None

    def is_deleted(self, raw: Raw) -> bool:
        """Whether the system says of the record that it is gone."""
        try:
            return self._deleted is not None and self._deleted.of(raw) is True
        except PathFailed:
            return False

    def read(self, raw: Raw) -> Mapped:
        """What the record says. Raises `RecordInvalid` with everything that is wrong with it."""
        faults: list[Fault] = []
        integration_id = self.identify(raw)
        if integration_id is None:
            raise RecordInvalid(faults=[self._fault_of_id(raw)])
        if self.is_deleted(raw):
            merged = self._text(self._merged_into, raw, faults)
            return Mapped(
                integration_id=integration_id,
                updated_at=self.updated_at(raw),
                is_deleted=True,
                merged_into=merged if not faults else None,
            )
        values = self._values(raw, faults)
        attributes, wrong = self._judge.judge(values)
        faults += wrong
        state = self._text(self._state, raw, faults)
        mapped = Mapped(
            integration_id=integration_id,
            name=self._text(self._name, raw, faults),
            attributes=self._others(raw, faults) | attributes,
            state=None if state is None else self._states.get(state, state),
            state_at=self._instant(self._state_at, raw, faults),
            parent=self._text(self._parent, raw, faults, LONGEST_ID),
            area=self._text(self._area, raw, faults),
            version=self._text(self._version, raw, faults),
            updated_at=self._instant(self._updated_at, raw, faults),
            mark=self._text(self._mark, raw, faults),
            merged_into=self._text(self._merged_into, raw, faults, LONGEST_ID),
        )
        if faults:
            raise RecordInvalid(faults=faults)
        return mapped

    def _values(self, raw: Raw, faults: list[Fault]) -> dict[str, Any]:
        """The described fields that the record has."""
        values: dict[str, Any] = {}
        for name, (path, _) in self._fields.items():
            found = self._at(path, raw, faults)
            if found is not ABSENT:
                values[name] = _ours(self._words[name], found)
        return values

    def _others(self, raw: Raw, faults: list[Fault]) -> dict[str, Any]:
        """What no field names, under its own name."""
        if not self._keeps_others:
            return {}
        whole = raw if self._within is None else present(self._at(self._within, raw, faults))
        if not isinstance(whole, Mapping):
            return {}
        return {str(name): value for name, value in whole.items() if name not in self._named}

    def _text(self, path: RecordPath | None, raw: Raw, faults: list[Fault], longest: int | None = None) -> str | None:
        """A text, or a number or truth value as one."""
        found = None if path is None else present(self._at(path, raw, faults))
        if found is None or path is None:
            return None
        if not isinstance(found, str | int | float):
            faults.append(Fault(path.text, "malformed", "is no text"))
            return None
        text = word_of(found)
        if longest is not None and len(text) > longest:
            faults.append(Fault(path.text, "too_long", f"has more than {longest} characters", {"at_most": longest}))
            return None
        return text

    def _instant(self, path: RecordPath | None, raw: Raw, faults: list[Fault]) -> datetime | None:
        found = None if path is None else present(self._at(path, raw, faults))
        if found is None or path is None:
            return None
        at = instant_of(found, self._zone)
        if at is None:
            faults.append(Fault(path.text, "malformed", "is no instant"))
        return at.astimezone(UTC) if at is not None else None

    def _at(self, path: RecordPath, raw: Raw, faults: list[Fault]) -> Any:
        try:
            return path.of(raw)
        except PathFailed as error:
            faults.append(Fault(path.text, "malformed", str(error)))
            return ABSENT

    def _fault_of_id(self, raw: Raw) -> Fault:
        if not isinstance(raw, Mapping):
            return Fault("", "malformed", "the record is no object")
        said = f"the record has no id there that can be kept: a text or a number of at most {LONGEST_ID} characters"
        return Fault(self._id.text, "malformed", said)

    def _members_named(self, entity: EntityDescription) -> frozenset[str]:
        """The members that stand for something already, and are no further fields."""
        paths = [self._id, self._deleted, self._version, self._updated_at, self._parent, self._area, self._state]
        paths += [self._state_at, self._mark, self._merged_into, self._name]
        paths += [path for path, _ in self._fields.values()]
        prefix = f"{entity.within}." if entity.within is not None else ""
        texts = [path.text for path in paths if path is not None and path.steps]
        return frozenset(text.removeprefix(prefix) for text in texts if text.startswith(prefix))


def _path(text: str | None) -> RecordPath | None:
    return None if text is None else compile_path(text)


def _words(values: Sequence[tuple[Any, str]]) -> dict[str, str]:
    """The system's words as text, and ours for them."""
    return {word_of(theirs): ours for theirs, ours in values}


def _ours(words: Mapping[str, str], value: Any) -> Any:
    """The word of ours for the system's, where the field has words."""
    return words.get(word_of(value), value) if words and isinstance(value, str | int | float) else value
