"""Integration types opened for a test without rows, and what a type's test system has to be able to do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import HTTPServer
from pathlib import Path
from typing import Any

from gateway.clients.breaker import Breaker
from gateway.clients.limits import RateLimit
from gateway.clients.transport import Timeout
from gateway.config import Settings
from gateway.entities.external import ExternalResource
from gateway.installation import Installation
from gateway.integrations.attributes import completed
from gateway.integrations.instance import Instance
from gateway.integrations.type import IntegrationType


@contextmanager
def opened(
    kind: IntegrationType, configuration: Mapping[str, Any], secrets: Mapping[str, str], directory: Path
) -> Iterator[Instance]:
    """An integration of this type, with secrets of its own and no connection. It has no database."""
    settings = Settings(database_url=f"sqlite:///{directory}/unused.db", allow_private_destinations=True)
    with Installation(settings) as installation, opened_in(installation, kind, configuration, secrets) as instance:
        yield instance


@contextmanager
def opened_in(
    installation: Installation,
    kind: IntegrationType,
    configuration: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    tenant_id: str = "ten_test",
) -> Iterator[Instance]:
    """The same in an installation that a test has."""
    with (
        Instance(
            id="int_test",
            tenant_id=tenant_id,
            name="under-test",
            integration_name=kind.id,
            configuration=completed(kind.attributes, configuration),
            secrets=secrets,
            prepared={},
            connection=None,
            installation=installation,
            breaker=Breaker(kind.id),
            limit=RateLimit(kind.id, ()),
            timeout=Timeout(connect_seconds=2, read_seconds=2, call_seconds=5),
        ) as instance,
    ):
        yield instance


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    """The server's address while it runs."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass(kw_only=True)
class ResourceCase:
    """One resource of a type under test, over a local system that has at least so many `pages` of it.

    `touch` changes one record there and gives its id. `edit` are fields that a create and an update may send.
    `broken` are records that are not what the type says.
    """

    resource: ExternalResource
    touch: Callable[[], str] | None = None
    create: Mapping[str, Any] = field(default_factory=dict)
    edit: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[Any, ...] = ()
    pages: int = 2


@dataclass(kw_only=True)
class TypeCase:
    """A type under test: its instance, its resources by name, and the secrets that must stand nowhere.

    `refuse` makes the system refuse the credentials from now on, and say them in what it answers.
    """

    kind: IntegrationType
    instance: Instance
    resources: Mapping[str, ResourceCase]
    secrets: tuple[str, ...]
    refuse: Callable[[], contextlib.AbstractContextManager[None]] | None = None
