"""Who gets the free slots of a kind: the tenants that have least running. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def share(free: int, running: Mapping[str, int], waiting: Sequence[str], *, most: int | None = None) -> dict[str, int]:
    """How many of `free` slots each of the tenants in `waiting` may take, which come in the order of their turns.

    `running` is what each has on all machines, `most` what one may have. A tenant that gets several may have fewer to
    do; what is left over is for the next claim.
    """
    parts: dict[str, int] = {}
    queue = [(running.get(tenant, 0), turn, tenant) for turn, tenant in enumerate(waiting)]
    heapq.heapify(queue)
    while queue and free > 0:
        held, turn, tenant = heapq.heappop(queue)
        if most is not None and held >= most:
            continue
        parts[tenant] = parts.get(tenant, 0) + 1
        free -= 1
        heapq.heappush(queue, (held + 1, turn, tenant))
    return parts
