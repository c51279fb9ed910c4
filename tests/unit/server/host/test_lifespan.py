"""An application's start and end (ASGI's lifespan)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from gateway.server.host.lifespan import Lifespan, StartFailed

LOG = logging.getLogger("lifespan")


def lived(application: Any) -> Lifespan:
    """A lifespan that has been gone through."""

    async def live() -> Lifespan:
        lifespan = Lifespan(application, LOG)
        await lifespan.start()
        await lifespan.end()
        return lifespan

    return asyncio.run(live())


def test_an_application_starts_and_ends() -> None:
    heard = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for step in ("startup", "shutdown"):
            heard.append((await receive())["type"])
            scope["state"][step] = True
            await send({"type": f"lifespan.{step}.complete"})

    assert lived(application).state == {"startup": True, "shutdown": True}
    assert heard == ["lifespan.startup", "lifespan.shutdown"]


async def failing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def raising(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("no database")


async def returning(scope: Any, receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize(
    ("application", "why"), [(failing, "no database"), (raising, "ValueError: no database"), (returning, "ended")]
)
def test_an_application_that_cannot_start(application: Any, why: str) -> None:
    with pytest.raises(StartFailed, match=why):
        lived(application)


def test_an_end_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ValueError("on purpose")

    lived(application)
    assert "ValueError: on purpose" in caplog.text
