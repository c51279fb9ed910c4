"""All integration types: those that ship, in one list, and those of other packages, by the entry points of the group
`gateway.integrations`. One that cannot be loaded is out of order alone, and is told why.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from gateway.errors import Hint, NotFound
from gateway.installation import Installation
from gateway.integrations.type import IntegrationType
from gateway.suggestions import suggest
from gateway.telemetry.logging import get_logger

GROUP: Final = "gateway.integrations"
SHIPPED: Final[Mapping[str, str]] = {
    "fhir": "gateway.integrations.kinds.fhir.kind:FhirType",
    "github": "gateway.integrations.kinds.github.kind:GitHubType",
    "home_assistant": "gateway.integrations.kinds.home_assistant.kind:HomeAssistantType",
    "openai": "gateway.integrations.kinds.openai.kind:OpenAIType",
    "pipeline": "gateway.integrations.pipelines.kind:PipelineType",
    "rest": "gateway.integrations.kinds.rest.kind:RestType",
    "salesforce": "gateway.integrations.kinds.salesforce.kind:SalesforceType",
    "weather": "gateway.integrations.kinds.weather.kind:WeatherType",
    "zoneminder": "gateway.integrations.kinds.zoneminder.kind:ZoneMinderType",
}
"""The types that ship, by their ids, with where each stands (`module:class`)."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenType:
    """A type that cannot be used: its id, which entry point it is of (`module:class`), and why."""

    id: str
    value: str
    reason: str


class Registry:
    """The types of one process, each loaded when it is first asked for. Safe from any thread; ask `registry_of`."""

    def __init__(self, _installation: Installation | None = None) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, IntegrationType | BrokenType] = {}
        shipped = [EntryPoint(name, value, GROUP) for name, value in SHIPPED.items()]
        # Ours come last, so that no package takes the name of one.
        self._points = {point.name: point for point in (*entry_points(group=GROUP), *shipped)}

    @property
    def ids(self) -> list[str]:
        """Of all that are named, broken ones too."""
        return sorted(self._points)

    def find(self, type_id: str) -> IntegrationType | BrokenType | None:
        """The type of this id, or why it cannot be used; None where there is none."""
        point = self._points.get(type_id)
        if point is None:
            return None
        with self._lock:
            if type_id not in self._loaded:
                self._loaded[type_id] = _load(point)
            return self._loaded[type_id]

    def require(self, type_id: str) -> IntegrationType:
        """The type of this id. Raises `NotFound`, with a suggestion where one is near, also for a broken one."""
        found = self.find(type_id)
        if isinstance(found, BrokenType):
            raise NotFound(f"the integration type {type_id!r} cannot be used: {found.reason}")
        if found is None:
            hint = suggest(type_id, self.ids, Hint("choose_one_of", {"names": self.ids}))
            raise NotFound(f"there is no integration type {type_id!r}", hint)
        return found

    def types(self) -> list[IntegrationType]:
        """All that can be used, by id."""
        return [one for one in map(self.find, self.ids) if isinstance(one, IntegrationType)]

    def broken(self) -> list[BrokenType]:
        """All that cannot, by id."""
        return [one for one in map(self.find, self.ids) if isinstance(one, BrokenType)]


def registry_of(installation: Installation) -> Registry:
    """The types of this process."""
    return installation.part(Registry)


def _load(point: EntryPoint) -> IntegrationType | BrokenType:
    """A package's code runs here, and whatever it raises is that package's."""
    try:
        found = point.load()
        if not (isinstance(found, type) and issubclass(found, IntegrationType)):
            reason = "it is no class of gateway.integrations.type.IntegrationType"
        elif getattr(found, "id", None) != point.name:
            reason = f"its id is {getattr(found, 'id', None)!r}, and its entry point's name {point.name!r}"
        elif missing := [name for name in ("label", "description") if not getattr(found, name, None)]:
            reason = f"it has no {' and no '.join(missing)}"
        else:
            return found()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
    _log.error("an integration type cannot be used; its integrations wait", integration_type=point.name, reason=reason)
    return BrokenType(point.name, point.value, reason)
