"""Bringing what is registered at a provider to what is wanted: what is too much is taken back, what is missing is made,
what ends is renewed. Done again it changes nothing.

Each step is on record before it is done, so that a process that dies amid it leaves nothing that the next one does not
find: one that is about to be made has no id yet, and is looked for at the provider by the source's URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.clients.errors import RemoteNotFound, ResponseInvalid
from gateway.clock import from_us
from gateway.integrations.registrations import Registration, Registrations
from gateway.integrations.subscriptions.model import Description, SecretOf
from gateway.integrations.subscriptions.registrar import Found, Made, Registrar
from gateway.integrations.subscriptions.rows import (
    Change,
    Secret,
    SourceOfIt,
    change_kept,
    held_by_others,
    our_secret,
    take_secret,
)
from gateway.integrations.subscriptions.wanted import Wanted
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import get_logger

RENEWED_BEFORE: Final = 0.2
"""Of how long one lasts, so much is left when it is renewed, and a quarter of an hour at least."""
LEAST_LEFT: Final = timedelta(minutes=15)
REPLACED: Final = "~"
"""Ends the key of one that is about to be replaced by another."""

_log = get_logger(__name__)


@dataclass(slots=True)
class Brought:
    """What was done. `has_looked`: the provider was asked what is there. `is_gap`: webhooks may have been missed."""

    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    has_looked: bool = False
    is_gap: bool = False


def is_ending(one: Registration, now: datetime) -> bool:
    """Whether it is time to renew it."""
    if one.expires_at is None:
        return False
    lasts = one.expires_at - (one.made_at or now)
    return now >= one.expires_at - max(LEAST_LEFT, lasts * RENEWED_BEFORE)


class Bringing:
    """One integration's registrations at one provider, in one piece of work. For one thread."""

    def __init__(
        self,
        run: JobRun,
        integration_id: str,
        source: SourceOfIt,
        description: Description,
        registrar: Registrar,
    ) -> None:
        self._run = run
        self._id = integration_id
        self._source = source
        self._description = description
        self._registrar = registrar
        self._kept = Registrations(source_id=source.id, provider=source.provider)
        self._others: frozenset[str] = frozenset()
        self._secret: Secret | None = None
        self.done = Brought()

    def bring(self, wanted: Mapping[str, Wanted], *, looks: bool) -> Brought:
        """Have there what is `wanted`, and no more; with `looks` the provider is asked what is there.

        Raises `GatewayError`; what was done until then is on record.
        """
        with self._run.begin() as acting:
            self._kept = change_kept(acting, self._id, lambda kept: kept, self._kept)
            self._others = held_by_others(acting, self._id, self._source.id)
            if wanted and self._description.secret_of is SecretOf.OURS:
                self._secret = our_secret(acting, self._source)
        self._drop_what_is_not(wanted)
        for one in wanted.values():
            self._run.checkpoint()
            kept = self._kept.by_key.get(one.key)
            if looks or kept is None or kept.id is None:
                self._look(one)
            if self._is_missing(one.key):
                self._make(one)
            else:
                self._renew(one)
        for key in [key for key in self._kept.by_key if key.endswith(REPLACED)]:
            self._take_back(self._kept.by_key[key])
        self.done.has_looked = looks
        return self.done

    def take_back_all(self) -> Brought:
        """Take back everything that is on record. Raises `GatewayError`."""
        return self.bring({}, looks=False)

    def _drop_what_is_not(self, wanted: Mapping[str, Wanted]) -> None:
        for key, one in list(self._kept.by_key.items()):
            if key.endswith(REPLACED):
                continue
            expected = wanted.get(key)
            if expected is None or not expected.is_met_by(one) or self._has_another_secret():
                self._run.checkpoint()
                self._take_back(one)
                self.done.is_gap |= expected is not None and one.id is not None

    def _has_another_secret(self) -> bool:
        return self._secret is not None and self._kept.credential_id != self._secret.credential_id

    def _is_missing(self, key: str) -> bool:
        kept = self._kept.by_key.get(key)
        return kept is None or kept.id is None

    def _look(self, wanted: Wanted) -> None:
        """Compare what is on record with what is there. What is there for us and is not on record is taken over where
        its secret is known, and taken away where it is not.
        """
        found = self._registrar.found(wanted)
        if found is None:
            return
        kept = self._kept.by_key.get(wanted.key)
        if kept is not None and kept.id is not None and kept.id not in {one.id for one in found}:
            _log.warning(
                "a webhook is not registered any more; it is made anew, and what came meanwhile is listed",
                integration_id=self._id,
                provider=self._description.api,
                registration=wanted.key,
            )
            self._forget(wanted.key)
            self.done.is_gap = True
        for one in found:
            self._take_in(wanted, one, was_begun=kept is not None and kept.id is None)

    def _take_in(self, wanted: Wanted, found: Found, *, was_begun: bool) -> None:
        kept = self._kept.by_key.get(wanted.key)
        if kept is not None and kept.id == found.id:
            if found.expires_at is not None and found.expires_at != kept.expires_at:
                self._note(replace(kept, expires_at=found.expires_at))
            return
        is_others = found.id in self._others
        secret_of = self._description.secret_of
        is_known = is_others or secret_of is SecretOf.APP or (was_begun and secret_of is SecretOf.OURS)
        if self._is_missing(wanted.key) and is_known:
            self._note(self._registered(wanted, Made(found.id, found.expires_at, {}), is_shared=is_others))
        elif not is_others:
            self._registrar.delete(self._registered(wanted, Made(found.id, None, {})))
            self.done.removed.append(wanted.key)

    def _make(self, wanted: Wanted) -> None:
        self._registrar.require_target(wanted)
        self._note(Registration(key=wanted.key, url=wanted.url, values=wanted.values))
        made = self._registrar.create(wanted, None if self._secret is None else self._secret.value)
        one = self._registered(wanted, made)
        if self._description.secret_of is SecretOf.THEIRS and made.secret is None:
            self._registrar.delete(one)
            raise ResponseInvalid(f"{self._description.api} gave no secret of the webhook that it was told to make")
        self._note(one, made)
        self.done.made.append(wanted.key)

    def _renew(self, wanted: Wanted) -> None:
        one, now = self._kept.by_key[wanted.key], self._now
        if one.is_shared or not is_ending(one, now):
            return
        self.done.is_gap |= one.expires_at is not None and one.expires_at <= now
        if self._description.renew is None:
            self._change(lambda kept: kept.with_one(replace(one, key=one.key + REPLACED)).without(one.key))
            self._make(wanted)
            self.done.made.remove(wanted.key)
        else:
            try:
                until = self._registrar.renew(one, wanted)
            except RemoteNotFound:
                self._forget(wanted.key)
                self.done.is_gap = True
                self._make(wanted)
                return
            self._note(replace(one, expires_at=until, made_at=now))
        self.done.renewed.append(wanted.key)

    def _take_back(self, one: Registration) -> None:
        if not one.is_shared and one.id not in self._others:
            if one.id is not None:
                self._registrar.delete(one)
            else:
                self._take_back_unheard(one)
        self._forget(one.key)
        if not one.key.endswith(REPLACED):
            self.done.removed.append(one.key)

    def _take_back_unheard(self, one: Registration) -> None:
        """Whether it was made nobody heard: it is looked for."""
        looked_for = Wanted(key=one.key, url=one.url, values=one.values, path="", lifetime_seconds=None)
        for found in self._registrar.found(looked_for) or ():
            if found.id not in self._others:
                self._registrar.delete(replace(one, id=found.id))

    def _registered(self, wanted: Wanted, made: Made, *, is_shared: bool = False) -> Registration:
        return Registration(
            key=wanted.key,
            url=wanted.url,
            values={**wanted.values, **made.keeps},
            id=made.id,
            expires_at=made.expires_at,
            made_at=self._now,
            is_shared=is_shared,
        )

    def _note(self, one: Registration, made: Made | None = None) -> None:
        """Write one down, and the secret that its provider gave, in one transaction."""
        with self._run.begin() as acting:
            credential_id = None if self._secret is None else self._secret.credential_id
            if made is not None and made.secret is not None:
                credential_id = take_secret(acting, self._source, made.secret)

            def change(kept: Registrations) -> Registrations:
                return replace(kept.with_one(one), credential_id=credential_id or kept.credential_id)

            self._kept = change_kept(acting, self._id, change, self._kept)

    def _forget(self, key: str) -> None:
        self._change(lambda kept: kept.without(key))

    def _change(self, change: Change) -> None:
        with self._run.begin() as acting:
            self._kept = change_kept(acting, self._id, change, self._kept)

    @property
    def _now(self) -> datetime:
        return from_us(self._run.clock.now_us())
