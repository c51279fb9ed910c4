"""Log lines about rows that are out of order: one when it begins, one when it is over."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.out_of_order import OutOfOrder, OutOfOrderCode
from gateway.telemetry.logging import get_logger

_log = get_logger(__name__)


class OutOfOrderLog:
    """Remembers what it told. `kind` is what it tells of: source, destination or route. For one thread."""

    def __init__(self, kind: str, *, meanwhile: str) -> None:
        """`meanwhile` says what happens to its events or deliveries until it is mended."""
        self._kind = kind
        self._meanwhile = meanwhile
        self._told: dict[str, OutOfOrderCode] = {}

    def tell(self, found: Iterable[OutOfOrder]) -> None:
        """`found` are all that are out of order now."""
        now = {one.id: one for one in found}
        for one in now.values():
            if self._told.get(one.id) != one.code:
                _log.error(
                    f"a {self._kind} is out of order; {self._meanwhile}",
                    id=one.id,
                    name=one.name,
                    tenant_id=one.tenant_id,
                    code=one.code,
                    detail=one.detail,
                )
        for id_ in self._told.keys() - now.keys():
            _log.info(f"a {self._kind} is in order again, or gone", id=id_)
        self._told = {id_: one.code for id_, one in now.items()}
