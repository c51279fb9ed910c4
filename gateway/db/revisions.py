"""Revisions: how often configuration changed, by kind, so that a snapshot loads again what moved and nothing else.

A change moves the revision of its kind, and by as much `configuration`, the only one that the version before knew.
Processes of both versions may work on one database while machines are updated: the older see every change there, and
the newer see that `configuration` moved by more than all kinds did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.orm import Session

from gateway.db.model import ConfigurationKind, Revision

EVERY_KIND = frozenset(ConfigurationKind)
TOTAL = "configuration"

_MOVE_TOTAL = text("UPDATE revisions SET value = value + :kinds WHERE name = :name")
_MOVE_KINDS = text("UPDATE revisions SET value = value + 1 WHERE name IN :names").bindparams(
    bindparam("names", expanding=True)
)


def read_revisions(session: Session) -> Mapping[str, int]:
    """All revisions at one moment, by name."""
    return dict(iter(session.execute(select(Revision.name, Revision.value))))


def moved_kinds(before: Mapping[str, int], now: Mapping[str, int]) -> frozenset[ConfigurationKind]:
    """What changed between two readings; every kind when an older version changed something. Pure."""
    if _by_others(before) != _by_others(now):
        return EVERY_KIND
    return frozenset(kind for kind in ConfigurationKind if before.get(kind) != now.get(kind))


def move_revisions(connection: Connection, kinds: Collection[ConfigurationKind]) -> None:
    """Say that rows of `kinds` change in this transaction."""
    if kinds:
        # The total first, always: who waits for it holds no other one that somebody else could wait for.
        connection.execute(_MOVE_TOTAL, {"name": TOTAL, "kinds": len(kinds)})
        connection.execute(_MOVE_KINDS, {"names": sorted(kinds)})


def _by_others(revisions: Mapping[str, int]) -> int:
    return revisions.get(TOTAL, 0) - sum(revisions.get(kind, 0) for kind in ConfigurationKind)
