"""A resource of which nothing is written: what its types inherit. A write of it is a defect, or was refused before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from gateway.clients.errors import RequestRefused
from gateway.entities.external import FieldRule, Outgoing, Raw


class ReadOnly:
    """All fields are the external system's; every write is refused."""

    kind: str
    fields: Mapping[str, FieldRule] = {}
    default_rule = FieldRule()

    def find(self, outgoing: Outgoing) -> Raw | None:
        return None

    def create(self, outgoing: Outgoing) -> Raw:
        self._refuse("made")

    def update(self, outgoing: Outgoing) -> Raw | None:
        self._refuse("changed")

    def delete(self, outgoing: Outgoing) -> None:
        self._refuse("removed")

    def _refuse(self, what: str) -> NoReturn:
        raise RequestRefused(f"a {self.kind} is not {what} from here: the external system alone does that")
