"""ASGI's lifespan: an application that starts before the first request and ends after the last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from logging import Logger
from typing import Any

Message = MutableMapping[str, Any]

STEP_SECONDS = 30.0


class StartFailed(Exception):
    """The application cannot serve."""


class Lifespan:
    """One application's. `state` is what it gives to each request."""

    def __init__(self, application: Callable[[Any, Any, Any], Awaitable[None]], log: Logger) -> None:
        self._application = application
        self._log = log
        self._asked: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    async def start(self) -> None:
        """Wait until the application is ready. Raises `StartFailed`."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self._task = asyncio.create_task(self._run(scope))
        answer = await self._ask("startup")
        if answer != "lifespan.startup.complete":
            raise StartFailed(answer)

    async def end(self) -> None:
        """Let it end; what goes wrong is logged."""
        if self._task is None or self._task.done():
            return
        answer = await self._ask("shutdown")
        if answer != "lifespan.shutdown.complete":
            self._log.error("ASGI lifespan shutdown: %s", answer)
        self._task.cancel()

    async def _ask(self, step: str) -> str:
        """Its answer to a step, or what went wrong instead."""
        self._asked.put_nowait({"type": f"lifespan.{step}"})
        try:
            answer = await asyncio.wait_for(self._answers.get(), STEP_SECONDS)
        except TimeoutError:
            return f"no answer within {STEP_SECONDS:g} s"
        return str(answer.get("message") or answer["type"])

    async def _run(self, scope: Message) -> None:
        try:
            await self._application(scope, self._asked.get, self._answers.put)
            self._answers.put_nowait({"type": "ended before it was asked to"})
        except Exception as error:
            self._log.exception("Error in ASGI lifespan")
            self._answers.put_nowait({"type": "failed", "message": f"{type(error).__name__}: {error}"})
