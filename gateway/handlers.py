"""Handlers: Python functions of the application that react to events. What an application imports, and the registry.

    from gateway.handlers import on

Running them is the worker's business (`gateway.delivery.sending.handler_pool`).
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from gateway.content.data import json_of
from gateway.errors import ConfigurationError

DEFAULT_TIMEOUT_SECONDS = 30.0


class PermanentFailure(Exception):
    """Raised by a handler: trying again would not help. The delivery becomes a dead letter at once."""


@dataclass(frozen=True)
class HandlerEvent:
    """What a handler is called with. `headers` are (name, value) pairs in the order received, names as they came,
    without those that carry a shared secret. `access_token` is a fresh one of the connection whose token the route
    hands over, None where it hands none over or there is none now.

    `source` is the source's slug, `tenant` the tenant's slug, `received_at` aware UTC. `json` parses `body` when it is
    first read, inflated where it is gzip, and raises `ValueError` if it is not JSON.
    """

    id: str
    type: str | None
    source: str
    provider: str
    tenant: str
    received_at: datetime
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    attempt: int = 1
    access_token: str | None = field(repr=False, default=None)

    @cached_property
    def json(self) -> Any:
        return json_of(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


Function = TypeVar("Function", bound=Callable[[HandlerEvent], object])
Transform = Callable[[dict[str, Any]], Mapping[str, Any] | None]
Reshape = TypeVar("Reshape", bound=Transform)


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function. `name` is `module:qualified.name`; it is also the name of its destination."""

    name: str
    source: str
    patterns: tuple[str, ...]
    timeout_seconds: float
    function: Callable[[HandlerEvent], object]


class HandlerRegistry:
    """Handlers by name and source."""

    def __init__(self, modules: Container[str] = ()) -> None:
        """`modules` are those that are loaded."""
        self._modules = modules
        self._handlers: dict[tuple[str, str], Handler] = {}

    def add(self, handler: Handler) -> None:
        """Register `handler`. The same function on the same source listens to the patterns of all its decorators, and
        has the longest of their timeouts: each event reaches it once.
        """
        key = handler.name, handler.source
        known = self._handlers.get(key)
        if known is not None:
            handler = replace(
                handler,
                patterns=tuple(dict.fromkeys((*known.patterns, *handler.patterns))),
                timeout_seconds=max(known.timeout_seconds, handler.timeout_seconds),
            )
        self._handlers[key] = handler

    def all(self) -> tuple[Handler, ...]:
        """Every handler, in the order of registration."""
        return tuple(self._handlers.values())

    def names(self) -> frozenset[str]:
        """What the handlers are called."""
        return frozenset(name for name, _ in self._handlers)

    def subscriptions(self) -> dict[str, dict[str, list[str]]]:
        """What each handler listens to: patterns by source, by the handlers' names."""
        found: dict[str, dict[str, list[str]]] = {}
        for handler in self._handlers.values():
            found.setdefault(handler.name, {})[handler.source] = list(handler.patterns)
        return found

    def has_dropped(self, name: str) -> bool:
        """Whether the module of this handler is loaded and has it not, or no more."""
        return name not in self.names() and name.partition(":")[0] in self._modules

    def function(self, name: str) -> Callable[[HandlerEvent], object] | None:
        """The function behind `name`; None when this process does not know it."""
        return next((h.function for h in self._handlers.values() if h.name == name), None)


REGISTRY = HandlerRegistry(sys.modules)
_TRANSFORMS: dict[str, Transform] = {}


def on(source: str, *patterns: str, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> Callable[[Function], Function]:
    """Decorator: call the function for events of `source` whose type matches one of `patterns` (none: all).

    `source` is a source's slug, or a provider's id for every source of that provider, or `gateway` for events of the
    gateway itself. A pattern is a glob; `pull_request.*` also matches `pull_request`. The function must be at module
    level: it runs in another process. It is cut off after `timeout_seconds`.
    """
    if timeout_seconds <= 0:
        raise ValueError("timeout_seconds must be greater than 0")

    def register(function: Function) -> Function:
        if "<locals>" in function.__qualname__:
            raise ValueError(f"handler {function.__qualname__} must be defined at module level")
        name = f"{function.__module__}:{function.__qualname__}"
        REGISTRY.add(Handler(name, source, patterns or ("*",), timeout_seconds, function))
        return function

    return register


def transform(function: Reshape) -> Reshape:
    """Decorator: pipelines may be told to use the function, as `module:name`. It is called with an entity, and returns
    the record that is loaded, or None where none is. The function must be at module level.
    """
    if "<locals>" in function.__qualname__:
        raise ValueError(f"transform {function.__qualname__} must be defined at module level")
    _TRANSFORMS[f"{function.__module__}:{function.__qualname__}"] = function
    return function


def transforms() -> Mapping[str, Transform]:
    """What modules that are loaded have marked as a transform, by name."""
    return dict(_TRANSFORMS)


def load_handlers(modules: Sequence[str]) -> HandlerRegistry:
    """Import the modules of `GATEWAY_HANDLERS`; none, no handlers. Raises `ConfigurationError` naming every module that
    fails.
    """
    if not modules:
        return HandlerRegistry()
    faults = [fault for module in modules if (fault := import_fault(module)) is not None]
    if faults:
        raise ConfigurationError([f"GATEWAY_HANDLERS: {fault}" for fault in faults])
    return REGISTRY


def import_fault(module: str) -> str | None:
    """Import a module of `GATEWAY_HANDLERS`; what keeps it from being imported, None when nothing does."""
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever the application's module raises at import
        where = ""
        if isinstance(error, ModuleNotFoundError):
            where = f"; modules are looked for in {os.getcwd()} and among what is installed"
        return f"cannot import {module}: {' '.join(describe(error).split())}{where}"
    return None


def describe(error: BaseException) -> str:
    """Type, text and place of an error of the application's."""
    try:
        message = str(error)
    except Exception:  # an exception that cannot even be printed
        message = "(no text)"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _imports(frame.filename)]
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message}{place}"


def _imports(filename: str) -> bool:
    """Whether a frame of this file only carries out an import, and says nothing about where it failed."""
    return filename.startswith("<frozen") or filename in {__file__, importlib.__file__}
