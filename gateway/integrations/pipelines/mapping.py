"""From an entity of the source to the record that is loaded: JMESPath by field, and a function of the application. Pure
but for what that function does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import Fault
from gateway.integrations.kinds.rest.paths import PathFailed, RecordPath, compile_path, present
from gateway.telemetry.logging import get_logger

LINEAGE: Final = "lineage"
"""The attribute of a loaded entity that tells from which it came; no field is called so."""
MEMBERS: Final = ("key", "id", "integration_id", "kind", "name", "state", "parent", "area", "attributes", "user_data")
"""What expressions and functions are given of an entity."""

_log = get_logger(__name__)

Function = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of an entity: the values by field and a name, or what is wrong with it. None of both: it is not
    loaded.
    """

    values: Mapping[str, Any]
    name: str | None = None
    faults: tuple[Fault, ...] = ()
    is_left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """How entities become records. `where` leaves out those for which it is not true; `function` is applied before
    `fields`, where there are both, to the entity as a whole.
    """

    fields: Mapping[str, RecordPath]
    name: RecordPath | None = None
    where: RecordPath | None = None
    function: Function | None = None

    def apply(self, entity: Mapping[str, Any]) -> Made:
        """The record of an entity, which has `MEMBERS`."""
        try:
            if self.where is not None and present(self.where.of(entity)) is not True:
                return Made(values={}, is_left_out=True)
        except PathFailed as error:
            return _failed("where", f"the condition could not be applied: {error}")
        subject: Any = dict(entity)
        if self.function is not None:
            try:
                subject = self.function(subject)
            except Exception as error:  # code of the application, about an entity that it did not expect
                _log.warning("a transform failed; its record goes to quarantine", error=type(error).__name__)
                return _failed("", f"the transform raised {type(error).__name__}")
            if subject is None:
                return Made(values={}, is_left_out=True)
            if not isinstance(subject, dict):
                return _failed("", "the transform gave no object")
        return self._mapped(subject, entity)

    def _mapped(self, subject: dict[str, Any], entity: Mapping[str, Any]) -> Made:
        if not self.fields and LINEAGE in subject:
            return _failed(LINEAGE, f"no field may be called {LINEAGE}")
        values: dict[str, Any] = {} if self.fields else subject
        for field, path in self.fields.items():
            try:
                value = path.of(subject)
            except PathFailed as error:
                return _failed(field, f"{field}: {error}")
            values[field] = present(value)
        try:
            name = present(self.name.of(subject)) if self.name is not None else entity.get("name")
        except PathFailed as error:
            return _failed("name", f"name: {error}")
        return Made(values=values, name=name if isinstance(name, str) else None)


def compile_transform(
    mapping: Mapping[str, Any], *, name: str | None, where: str | None, function: Function | None
) -> Transform:
    """Compile what a configuration says. Raises `InvalidInput`."""
    return Transform(
        fields={field: _compiled(text) for field, text in mapping.items()},
        name=None if name is None else _compiled(name),
        where=None if where is None else _compiled(where),
        function=function,
    )


def _compiled(text: Any) -> RecordPath:
    found = compile_path(str(text))
    found.check_calls()
    return found


def _failed(field: str, message: str) -> Made:
    return Made(values={}, faults=(Fault(f"/{field}", "transform_failed", message),))
