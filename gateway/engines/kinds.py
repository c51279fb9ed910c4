"""All kinds of jobs. Whoever adds one names it here; its function stands with what it works on."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.delivery.replays.kind import REPLAY
from gateway.jobs.kind import Kind

_ALL: tuple[Kind, ...] = (REPLAY,)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""By their names."""
