"""One row's sealed values, sealed anew with the first key. Pure but for the nonces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import DecryptionFailed
from gateway.key_rotation.places import Place
from gateway.key_rotation.tally import Tally
from gateway.security.sealed_text import changed_values
from gateway.security.sealing import Keyring, key_named


@dataclass(frozen=True, slots=True)
class Resealer:
    """`needed` are the ids of the keys that values are known to be sealed with."""

    keyring: Keyring
    needed: Collection[str]

    def changes(self, place: Place, row: Any, tally: Tally) -> Mapping[str, tuple[Any, Any]]:
        """What is to be different in `row`: by column the old value and the new one. `tally` counts what is found."""
        found: dict[str, tuple[Any, Any]] = {}
        for column in place.columns:
            kept = getattr(row, column)
            if kept is None:
                continue
            new = self._within(place, row, kept, tally) if place.is_within else self._alone(place, row, kept, tally)
            if new is not None and new != kept:
                found[column] = (kept, new)
        return found

    def _alone(self, place: Place, row: Any, kept: bytes, tally: Tally) -> bytes | None:
        sealed = bytes(kept)
        key = key_named(sealed)
        if key is None:
            tally.broken += 1
            return None
        if place.context is None:
            # It ends before long; until then its key is needed.
            if not self.keyring.is_current(sealed):
                tally.old.setdefault(place.name, Counter())[key] += 1
            return None
        if key not in self.keyring.ids:
            self._without_key(key, tally)
            return None
        new = self._resealed(place, place.context(row), sealed, tally)
        if new is None and not self.keyring.is_current(sealed):
            tally.broken += 1
        return new

    def _within(self, place: Place, row: Any, kept: Any, tally: Tally) -> Any:
        assert place.context is not None
        context = place.context(row)

        def change(sealed: bytes) -> bytes | None:
            key = key_named(sealed)
            if key in self.keyring.ids:
                # What does not open came so, and is no sealed value of ours.
                return self._resealed(place, context, sealed, tally)
            if key is not None and key in self.needed:
                tally.missing[key] += 1
            return None

        if isinstance(kept, str):
            return changed_values(kept.encode("utf-8", "surrogatepass"), change).decode("utf-8", "surrogatepass")
        return changed_values(bytes(kept), change)

    def _without_key(self, key: str, tally: Tally) -> None:
        if key in self.needed:
            tally.missing[key] += 1
        else:
            tally.given_up += 1

    def _resealed(self, place: Place, context: Sequence[str], sealed: bytes, tally: Tally) -> bytes | None:
        """The value sealed with the first key; None where it is already, or does not open."""
        if self.keyring.is_current(sealed):
            return None
        try:
            value = self.keyring.open(sealed, context=context)
        except DecryptionFailed:
            return None
        key = key_named(sealed)
        assert key is not None
        tally.old.setdefault(place.name, Counter())[key] += 1
        return self.keyring.seal(value, context=context)
