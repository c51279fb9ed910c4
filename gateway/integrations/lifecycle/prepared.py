"""What activation makes outside of the gateway: written down in the row before it is made, and taken back by it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from gateway.errors import Conflict
from gateway.integrations.models import Integration
from gateway.jobs.run import JobRun


class PreparedRow:
    """`gateway.integrations.type.Prepared` of a row, in transactions of the job that holds it. A type that comes back
    too late can keep nothing more.
    """

    def __init__(self, run: JobRun, integration_id: str, values: Mapping[str, Any]) -> None:
        self._run = run
        self._integration_id = integration_id
        self._values = dict(values)
        self._lock = threading.Lock()
        self._is_over = False

    @property
    def values(self) -> Mapping[str, Any]:
        """As `Prepared`."""
        return dict(self._values)

    def keep(self, **values: Any) -> None:
        """As `Prepared`. Raises `Conflict` when it is too late."""
        with self._lock:
            if self._is_over:
                raise Conflict("it is too late: this step was given up")
            kept = {name: value for name, value in {**self._values, **values}.items() if value is not None}
            with self._run.begin() as acting:
                row = acting.session.get_one(Integration, self._integration_id, with_for_update=True)
                row.prepared = kept
            self._values = kept

    def end(self) -> None:
        """Keep nothing more."""
        with self._lock:
            self._is_over = True
