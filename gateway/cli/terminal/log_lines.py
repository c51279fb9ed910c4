"""Lines of `gateway run` itself, before and beside the logs of what it runs: in words, or as one JSON object each.

On the standard library alone: the supervisor loads little.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

LOGGER = "gateway.run"


def tell(message: str, *, as_json: bool, level: str = "info") -> None:
    """Say `message` on standard error."""
    print(log_line(message, level=level) if as_json else message, file=sys.stderr, flush=True)


def log_line(message: str, *, level: str = "info") -> str:
    """`message` as the logs have it (`gateway.telemetry.logging`)."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"level": level, "logger": LOGGER, "timestamp": at, "message": message})
