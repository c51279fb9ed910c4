"""The integrations of a tenant, as entities know them: the port that `gateway.integrations` fills.

Entities carry the id of their integration and nothing else of it; its name, its system and its options are asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.entities.external import External
from gateway.entities.options import SyncOptions
from gateway.tenants.acting import Acting


class Named(NamedTuple):
    """An integration: its id, its name, its type's id."""

    id: str
    name: str
    integration_name: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An integration's system and how it syncs. `request_push` asks for its edits to be sent, in the transaction of
    whoever asks; where it is paused they wait.
    """

    external: External
    options: SyncOptions
    request_push: Callable[[Acting], None]


class Instances(Protocol):
    """The integrations of whoever acts."""

    def find(self, acting: Acting, name: str) -> Named | None:
        """The one with this name or id."""

    def named(self, acting: Acting, ids: Collection[str]) -> Mapping[str, Named]:
        """Those of these ids that there are."""

    def opened(self, acting: Acting, instance_id: str) -> AbstractContextManager[Opened]:
        """Its system, for as long as the block lasts; nobody is asked anything by opening it.

        Raises `Conflict` for an integration that is not active or paused, `InvalidInput`, `NotFound`.
        """
