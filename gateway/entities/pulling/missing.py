"""What a complete full pull did not see: found by digests, judged by the safety threshold, looked up where the list of
its system may have shifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway.entities.content import seen_digest
from gateway.entities.external import Abilities
from gateway.entities.options import SyncOptions
from gateway.entities.store.seen import unpacked

AT_ONCE = 50_000
"""Entities that are compared with all pages at a time: what bounds the memory that it takes."""


def is_beyond_threshold(known: int, missing: int, options: SyncOptions, abilities: Abilities) -> bool:
    """Whether a person is asked before `missing` of `known` entities are deleted. Pure."""
    if abilities.is_transient or not missing:
        return False
    is_all = missing >= known and missing > options.delete_all_above
    return is_all or missing > options.delete_share * known


def unseen(
    live: Iterable[Sequence[tuple[str, str]]], pages: Callable[[], Iterator[bytes]], *, at_once: int = AT_ONCE
) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Of entities, `(external id, id)` in parts, those that no page had, and how many were compared; in larger parts.

    Pure but for what it is given: `pages` begins anew for each part.
    """
    part: list[tuple[str, str]] = []
    for some in live:
        part += some
        if len(part) >= at_once:
            yield _unseen(part, pages()), len(part)
            part = []
    if part:
        yield _unseen(part, pages()), len(part)


def _unseen(part: Sequence[tuple[str, str]], pages: Iterable[bytes]) -> list[tuple[str, str]]:
    left = {seen_digest(one[0]): one for one in part}
    wanted = set(left)
    for page in pages:
        wanted.difference_update(unpacked(page))
    return [one for digest, one in left.items() if digest in wanted]
