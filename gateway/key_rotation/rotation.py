"""Sealing everything anew with the first key: a job, in short transactions beside a running gateway.

Values are opened and sealed outside of the transaction that writes them, which replaces only what is still as it was
read: a token that was refreshed meanwhile stays. How far the job is, is committed with what it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.clock import from_us, to_us
from gateway.db.sealing_keys import claimed_at_us, forget_key, known_keys, remember_key
from gateway.errors import Conflict, DecryptionFailed, Hint, InvalidInput
from gateway.jobs.kind import Result
from gateway.jobs.run import JobRun
from gateway.jobs.workers.search import find_processes
from gateway.key_rotation import walking
from gateway.key_rotation.counting import count_old
from gateway.key_rotation.places import PLACES, Place
from gateway.key_rotation.resealing import Resealer
from gateway.key_rotation.tally import Tally

TELL_SECONDS = 1.0
# A process claims its key when it starts: those that were started with the first one that has it are no older ones.
STARTS_WITHIN = timedelta(seconds=60)


def rotate(run: JobRun) -> Result:
    """Seal anew what is not sealed with the key that was asked for, and forget the keys that are not needed any more,
    if that was asked for too.

    Raises `InvalidInput` where this process seals with another key, and `DecryptionFailed` at the end where keys are
    missing: everything else is sealed anew by then.
    """
    keyring, wanted = run.installation.keyring, run.payload["key"]
    if keyring.ids[0] != wanted:
        message = f"this process seals with key {keyring.ids[0]}, and not with {wanted}, which was asked for"
        raise InvalidInput.at("key", "mismatch", message, Hint("restart_with_keys"))
    run.installation.claim_keys()
    walk = _Walk(run, Resealer(keyring, known_keys(run.installation.database)))
    tally = walk.to_the_end()
    forgotten, kept = _forget(run, walk.resealer) if run.payload["forget"] else ([], {})
    with run.begin_for_system() as acting:
        after = {**tally.as_data(), "forgotten": forgotten}
        acting.audit("encryption_key.rotated", wanted, after=after)
    if tally.missing:
        raise _missing(tally)
    return {"key": wanted, **tally.as_data(), "forgotten": forgotten, "kept": kept}


class _Walk:
    """One attempt's way through the places, from where the job is."""

    def __init__(self, run: JobRun, resealer: Resealer) -> None:
        self.resealer = resealer
        self._run = run
        position = run.position or {"place": 0, "after": None, "tally": Tally().as_data()}
        self._place: int = position["place"]
        self._after: Sequence[Any] | None = position["after"]
        self._tally = Tally.of(position["tally"])
        self._committed_at = run.clock.monotonic()

    def to_the_end(self) -> Tally:
        """All that was found and done, by this attempt and those before."""
        while self._place < len(PLACES):
            place = PLACES[self._place]
            with _reading(self._run) as connection:
                within = walking.next_range(connection, place, self._after)
                chunks = list(walking.chunks(connection, place, self.resealer.keyring, within))
            for chunk in chunks:
                self._do(place, chunk)
            self._after = within.upto
            if within.upto is None:
                self._place += 1
            if within.upto is None or self._run.clock.monotonic() - self._committed_at >= TELL_SECONDS:
                self._commit()
        return self._tally

    def _do(self, place: Place, chunk: walking.Chunk) -> None:
        with _reading(self._run) as connection:
            rows = walking.read(connection, place, self.resealer.keyring, chunk)
        changes = [(walking.key_of(place, row), self.resealer.changes(place, row, self._tally)) for row in rows]
        changes = [one for one in changes if one[1]]
        self._after = chunk.last
        if changes:
            self._commit(place, changes)

    def _commit(self, place: Place | None = None, changes: Sequence[Any] = ()) -> None:
        with self._run.begin_for_system() as acting:
            if place is not None:
                self._tally.replaced += walking.replace(acting.session.connection(), place, changes)
            after = None if self._after is None else list(self._after)
            self._run.position = {"place": self._place, "after": after, "tally": self._tally.as_data()}
            line = f"at {PLACES[self._place].name}" if self._place < len(PLACES) else None
            self._run.progress(self._tally.replaced, line=line)
        self._committed_at = self._run.clock.monotonic()


@contextmanager
def _reading(run: JobRun) -> Iterator[Connection]:
    with run.begin_for_system(write=False) as acting:
        yield acting.session.connection()


def _forget(run: JobRun, resealer: Resealer) -> tuple[list[str], dict[str, int]]:
    """Forget the keys that no value needs: those that were forgotten, and by their ids how many values keep others."""
    _require_young_processes(run, resealer.keyring.ids[0])
    *_, found = count_old(lambda: _reading(run), resealer)
    others = sorted(set(resealer.needed) - {resealer.keyring.ids[0]})
    kept = {key: found.in_use(key) for key in others if found.in_use(key)}
    forgotten = [key for key in others if key not in kept]
    with run.begin_for_system() as acting:
        for key in forgotten:
            if forget_key(acting.session.connection(), key):
                acting.audit("encryption_key.forgotten", key)
    return _still_forgotten(run, resealer, forgotten, kept)


def _still_forgotten(
    run: JobRun, resealer: Resealer, forgotten: list[str], kept: dict[str, int]
) -> tuple[list[str], dict[str, int]]:
    """The same, but for a key that somebody sealed with between the count and its end: it is known again.

    Whoever seals holds its key's row until the transaction is over, so that nothing escapes this second count; who
    comes later makes the key known again by himself.
    """
    if not forgotten:
        return forgotten, kept
    *_, found = count_old(lambda: _reading(run), resealer)
    again = [key for key in forgotten if found.in_use(key)]
    if again:
        with run.begin_for_system() as acting:
            for key in again:
                remember_key(acting.session.connection(), key, now_us=to_us(acting.now))
                acting.audit("encryption_key.remembered", key)
    kept = kept | {key: found.in_use(key) for key in again}
    return [key for key in forgotten if key not in again], kept


def _require_young_processes(run: JobRun, key_id: str) -> None:
    """Whoever was started before the key was known may still seal with another one, and would not be found out."""
    with run.begin_for_system(write=False) as acting:
        connection = acting.session.connection()
        since = from_us(claimed_at_us(connection, key_id) or 0)
        living = [one for one in find_processes(connection, acting.now) if not one.is_silent]
    old = [one for one in living if one.started_at < since - STARTS_WITHIN]
    if old:
        names = ", ".join(f"{one.host}:{one.pid} ({one.engine})" for one in old)
        message = f"processes were started before key {key_id} was known, and may seal with another one: {names}"
        raise Conflict(message, Hint("restart_with_keys"))


def _missing(tally: Tally) -> DecryptionFailed:
    counts = " and ".join(f"{count} values with key {key}" for key, count in sorted(tally.missing.items()))
    message = f"everything else is sealed anew, but {counts}, which is not here"
    return DecryptionFailed(message, Hint("bring_back_key", {"ids": sorted(tally.missing)}))
