"""The installation: what one process has, whether it serves, delivers, or carries out one command.

Settings and clock are given; everything else is made when it is first asked for, kept, and let go of at the end in the
opposite order. Nothing here knows what it is used for: who acts on it, and for whom, is `tenants.acting`'s matter.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine

from gateway.announcing.announcements import Announcements
from gateway.announcing.pipe import Pipe
from gateway.announcing.publisher import broker_publisher
from gateway.clock import Clock, SystemClock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.sealing_keys import claim_key, known_keys, require_keys
from gateway.deferred import deferred
from gateway.errors import ConfigurationError
from gateway.handlers import HandlerRegistry, load_handlers
from gateway.security.keyfile import load_keyring, make_key_file
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy

if TYPE_CHECKING:
    from flask import Flask

    from gateway.outgoing.document import FetchedResponse
    from gateway.outgoing.fetch import Fetcher
    from gateway.outgoing.resolver import Resolver
    from gateway.providers import Provider
    from gateway.providers.webhook.proof import Carriers
    from gateway.telemetry.metrics import Metrics

# Commands need none of these, or not all, and each of them loads a large library.
_fetch = deferred("gateway.outgoing.fetch")
_metrics = deferred("gateway.telemetry.metrics")
_providers = deferred("gateway.providers")
_resolver = deferred("gateway.outgoing.resolver")

Part = TypeVar("Part")

EXTENSION = "gateway"
"""Where a Flask application keeps its installation; ask `installation_of`."""


class Installation:
    """Safe to use from any thread. A context: leaving it closes it. `clock` and `resolver` are the machine's unless
    given.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None, resolver: Resolver | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self._given_resolver = resolver
        self._parts: dict[Any, Any] = {}
        self._lock = threading.RLock()
        self._closers = ExitStack()
        self._has_made_key = False
        self._has_claimed = False

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def now(self) -> datetime:
        """The time, aware UTC."""
        return from_us(self.clock.now_us())

    @property
    def database(self) -> Database:
        """The database in whatever state it is; no connection is made yet."""
        return self.part(_open_database)

    def adopt(self, engine: Engine) -> None:
        """Work on `engine`, made by someone else, who has to be quicker than the first use of `database`."""
        with self._lock:
            if _open_database in self._parts:
                raise RuntimeError("the installation has opened its database already")
            self._keep(_open_database, Database(engine))

    @property
    def keyring(self) -> Keyring:
        """The encryption keys. A missing key file is made, unless the database holds values that are sealed already.

        Claim them before anything is sealed. Raises `ConfigurationError`; `StorageUnavailable` where a key would have
        to be made and the database does not tell.
        """
        return self.part(_load_keyring)

    def claim_keys(self, connection: Connection | None = None) -> None:
        """Make known to the database what seals here from now on: in the transaction of `connection`, or in one of its
        own. Raises `ConfigurationError` when the database needs keys that are not here, `StorageUnavailable`.
        """
        try:
            if connection is not None:
                claim_key(connection, self.keyring, now_us=self.clock.now_us())
            elif not self._has_claimed and self.keyring.ids[0] not in known_keys(self.database):
                with self.database.write() as writing:
                    claim_key(writing, self.keyring, now_us=self.clock.now_us())
            self._has_claimed = self._has_claimed or connection is None
        except ConfigurationError:
            if self._has_made_key:
                # Another machine was quicker with the first key of this database: this one is worth nothing.
                self.settings.encryption_key_file.unlink(missing_ok=True)
            raise

    @property
    def announcements(self) -> Announcements:
        """What tells workers that something became due."""
        return self.part(_make_announcements)

    @property
    def keyring_at_hand(self) -> Keyring | None:
        """The encryption keys, or None where there are none yet: none is made, and whether the database needs others
        is not asked. Raises `ConfigurationError`.
        """
        found: Keyring | None = self._parts.get(_load_keyring)
        return found or load_keyring(self.settings)

    @property
    def catalogue(self) -> Mapping[str, Provider]:
        """Every provider by its id. Raises `ConfigurationError`."""
        found: Mapping[str, Provider] = _providers.catalogue(self.settings.providers_dir)
        return found

    @property
    def proof_headers(self) -> frozenset[str]:
        """The headers, in lower case, in which some provider's requests carry a proof. Raises `ConfigurationError`."""
        found: frozenset[str] = _providers.proofs(self.settings.providers_dir).headers
        return found

    @property
    def shared_secrets(self) -> Carriers:
        """Where a request of any provider carries a shared secret itself. Raises `ConfigurationError`."""
        found: Carriers = _providers.shared_secrets(self.settings.providers_dir)
        return found

    @property
    def secret_headers(self) -> frozenset[str]:
        """Those of them that carry a shared secret itself. Raises `ConfigurationError`."""
        return self.shared_secrets.headers

    def provider(self, provider_id: str) -> Provider | None:
        """One provider without reading the whole catalogue; None when it has no usable entry of this id."""
        try:
            found: Provider | None = _providers.entry(self.settings.providers_dir, provider_id)
        except ConfigurationError:
            return None
        return found

    @property
    def handlers(self) -> HandlerRegistry:
        """The application's handlers; their modules are imported. Raises `ConfigurationError`."""
        return self.part(_load_handlers)

    @property
    def policy(self) -> AddressPolicy:
        """Which addresses a request may be sent to."""
        return AddressPolicy(allow_private=self.settings.allow_private_destinations)

    @property
    def resolver(self) -> Resolver:
        """What finds the addresses of names."""
        return self._given_resolver or self.part(_make_resolver)

    @property
    def fetcher(self) -> Fetcher:
        """What sends small requests past the SSRF guard."""
        return self.part(_make_fetcher)

    def fetch(self, url: str) -> FetchedResponse:
        """A guarded GET of a small document; the HTTP library is loaded at the first one.

        Raises `FetchFailed` and `AddressForbidden`.
        """
        return self.fetcher.get(url)

    @property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return self.part(_make_metrics)

    def require_configuration(self) -> None:
        """Load what settings name: keys, catalogue, handlers. Raises one `ConfigurationError` with all their faults."""
        errors = []
        for load in (lambda: self.keyring, lambda: self.catalogue, lambda: self.handlers):
            try:
                load()
            except ConfigurationError as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            hints = [hint for error in errors for hint in error.hints]
            raise ConfigurationError([fault for error in errors for fault in error.faults], *hints)

    def part(self, make: Callable[[Installation], Part]) -> Part:
        """What `make` makes of this installation: once, kept, and closed with it where it has a `close`."""
        # Without the lock first: this is asked for at every request.
        found: Part | None = self._parts.get(make)
        if found is None:
            with self._lock:
                found = self._parts.get(make)
                if found is None:
                    found = self._keep(make, make(self))
        return found

    def close(self) -> None:
        """Close what was made, the latest first. Idempotent."""
        self._closers.close()

    def _keep(self, make: object, part: Part) -> Part:
        self._parts[make] = part
        close = getattr(part, "close", None)
        if close is not None:
            self._closers.callback(close)
        return part


def installation_of(app: Flask) -> Installation:
    """The installation that `app` works on."""
    found: Installation = app.extensions[EXTENSION]
    return found


def _open_database(installation: Installation) -> Database:
    return Database.open(installation.settings.database_url)


def _load_keyring(installation: Installation) -> Keyring:
    found = load_keyring(installation.settings)
    if found is not None:
        return found
    known = known_keys(installation.database)
    # Another process of this folder may have made one meanwhile: the file is there before the database knows its key.
    found = load_keyring(installation.settings)
    if found is not None:
        return found
    require_keys(known, None)
    installation._has_made_key = make_key_file(installation.settings.encryption_key_file)
    made = load_keyring(installation.settings)
    assert made is not None
    return made


def _load_handlers(installation: Installation) -> HandlerRegistry:
    return load_handlers(installation.settings.handlers)


def _make_resolver(_installation: Installation) -> Resolver:
    made: Resolver = _resolver.SystemResolver()
    return made


def _make_fetcher(installation: Installation) -> Fetcher:
    made: Fetcher = _fetch.Fetcher(installation.resolver, installation.policy)
    return made


def _make_announcements(installation: Installation) -> Announcements:
    settings = installation.settings
    pipe = Pipe(settings.wakeup_pipe)
    if not settings.broker_url:
        return Announcements(pipe)
    origin = f"gateway-{os.getpid()}@{socket.gethostname()}"

    def dropped(reason: str, count: int) -> None:
        installation.metrics.announcements_dropped(reason, count)

    return Announcements(
        pipe, broker_publisher(settings.broker_url, installation.clock, origin=origin, dropped=dropped)
    )


def _make_metrics(installation: Installation) -> Metrics:
    made: Metrics = _metrics.Metrics(installation.settings.metrics_dir)
    return made
