"""That this web process lives, for who has to know whom a change of keys has not reached (`gateway.key_rotation`)."""

from __future__ import annotations

from typing import Final

from gateway.db.shared_clock import SharedClock
from gateway.events.side_thread import SideThread
from gateway.installation import Installation
from gateway.jobs.workers.presence import WEB, Presence, Takes
from gateway.release import installed_version

RENEW_SECONDS: Final = 10.0


class WebPresence:
    """A part of the installation of a web process: told from when it is first asked for until `close`."""

    def __init__(self, installation: Installation) -> None:
        self._shared = SharedClock(installation.clock, installation.database)
        self._presence = Presence(
            installation.database, self._shared, engine=WEB, version=installed_version(), takes=Takes(False, ())
        )
        self._thread = SideThread(
            "web-presence",
            self._step,
            installation.clock,
            broken="it could not be told that this web process lives",
            idle_seconds=RENEW_SECONDS,
        )

    def close(self) -> None:
        """It ends. Idempotent."""
        self._thread.close()
        self._presence.close()

    def _step(self) -> bool:
        self._shared.step()
        return self._presence.step()
