"""A gateway for tests: no database and no process; it calls the handlers that listen to an event, in this process."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.delivery.decisions.patterns import compile_patterns
from gateway.handlers import REGISTRY, Handler, HandlerEvent, HandlerRegistry, PermanentFailure
from gateway.providers import shared_secrets
from gateway.security.identifiers import new_id
from gateway.testing.signed import SignedEvent

# Kept sealed for every source, and shown to no handler.
_SEALED = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class HandlerRun:
    """A handler was called. `error` is what it raised; `is_permanent` says that a gateway would not try again."""

    handler: str
    event: HandlerEvent
    error: Exception | None = None

    @property
    def is_permanent(self) -> bool:
        """Whether the delivery would be a dead letter at once."""
        return isinstance(self.error, PermanentFailure)


class FakeGateway:
    """Calls handlers as a gateway would, but at once and in order. `runs` are all calls so far.

    Handlers are there once their module is imported: `load` does that, with what `GATEWAY_HANDLERS` would name.
    """

    def __init__(self, registry: HandlerRegistry = REGISTRY, *, providers_dir: Path | None = None) -> None:
        self.runs: list[HandlerRun] = []
        self._registry = registry
        self._providers_dir = providers_dir

    def load(self, *modules: str) -> None:
        """Import modules with handlers."""
        for module in modules:
            importlib.import_module(module)

    def deliver(
        self,
        event: SignedEvent,
        *,
        source: str | None = None,
        tenant: str = "default",
        attempt: int = 1,
        access_token: str | None = None,
        check: bool = True,
    ) -> list[HandlerRun]:
        """Call every handler that listens to `event`. `source` is the slug that it comes to; `attempt` is the try.

        What a handler raises is raised, and an `AssertionError` where none listens. Without `check` the runs tell.
        """
        slug = source or event.source
        handlers = [one for one in self._registry.all() if _listens(one, slug, event)]
        if check and not handlers:
            known = ", ".join(f"{one.name} to {one.source}" for one in self._registry.all()) or "none is loaded"
            raise AssertionError(f"no handler listens to {event.type} of {slug}; there is: {known}")
        runs = []
        for handler in handlers:
            given = HandlerEvent(
                id=new_id("evt"),
                type=event.type,
                source=slug,
                provider=event.provider,
                tenant=tenant,
                received_at=datetime.now(UTC),
                headers=tuple(self._shown(event)),
                body=event.body,
                attempt=attempt,
                access_token=access_token,
            )
            run = _run(handler, given)
            runs.append(run)
            self.runs.append(run)
            if check and run.error is not None:
                raise run.error
        return runs

    def _shown(self, event: SignedEvent) -> Iterator[tuple[str, str]]:
        hidden = shared_secrets(self._providers_dir).headers | _SEALED
        return ((name, value) for name, value in event.headers.items() if name.lower() not in hidden)


def _listens(handler: Handler, source: str, event: SignedEvent) -> bool:
    return handler.source in (source, event.provider) and compile_patterns(handler.patterns)(event.type)


def _run(handler: Handler, event: HandlerEvent) -> HandlerRun:
    try:
        handler.function(event)
    except Exception as error:  # whatever the application's function raises
        return HandlerRun(handler.name, event, error)
    return HandlerRun(handler.name, event)
