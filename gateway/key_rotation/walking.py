"""Walking a place by its key, in short ranges: what a transaction reads and writes does not grow with the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Table,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from gateway.key_rotation.places import Place
from gateway.security.sealed_text import MARK
from gateway.security.sealing import Keyring

RANGE_ROWS = 1_000
CHUNK_BYTES = 8 * 1024 * 1024

Key = Sequence[Any]


class Range(NamedTuple):
    """The rows behind `after` up to `upto`; None: from the beginning, to the end."""

    after: Key | None
    upto: Key | None


class Chunk(NamedTuple):
    """Rows with something that may have to be sealed anew, from `first` to `last`."""

    first: Key
    last: Key


def next_range(connection: Connection, place: Place, after: Key | None, *, rows: int = RANGE_ROWS) -> Range:
    """The next rows behind `after`, however many of them hold anything."""
    key = _key(place)
    statement = select(*key).order_by(*key).offset(rows - 1).limit(1)
    if after is not None:
        statement = statement.where(_key_value(place) > _literal(place, after))
    found = connection.execute(statement).one_or_none()
    return Range(after, None if found is None else tuple(found))


def chunks(connection: Connection, place: Place, keyring: Keyring, within: Range) -> Iterator[Chunk]:
    """Those rows of `within` that are not sealed with the first key alone, so many at a time as are read at once."""
    table = _table(place)
    sizes = [func.coalesce(func.length(table.c[name]), 0) for name in place.columns]
    size: ColumnElement[int] = sum(sizes[1:], start=sizes[0])
    key = _key(place)
    statement = select(*key, size).where(_candidates(connection, place, keyring)).order_by(*key)
    if within.after is not None:
        statement = statement.where(_key_value(place) > _literal(place, within.after))
    if within.upto is not None:
        statement = statement.where(_key_value(place) <= _literal(place, within.upto))
    first: Key | None = None
    last: Key = ()
    taken = 0
    for row in connection.execute(statement):
        *found, length = row
        if first is not None and taken + length > CHUNK_BYTES:
            yield Chunk(first, last)
            first, taken = None, 0
        first = found if first is None else first
        last, taken = found, taken + length
    if first is not None:
        yield Chunk(first, last)


def read(connection: Connection, place: Place, keyring: Keyring, chunk: Chunk) -> Sequence[Row[Any]]:
    """The rows of `chunk` with all that is needed to seal them anew."""
    table = _table(place)
    given = {column.name for column in _key(place)}
    more = [one for one in place.told_by if getattr(one, "name", None) not in given]
    statement = (
        select(*_key(place), *(table.c[name] for name in place.columns), *more)
        .where(_candidates(connection, place, keyring))
        .where(_key_value(place) >= _literal(place, chunk.first), _key_value(place) <= _literal(place, chunk.last))
        .order_by(*_key(place))
    )
    return connection.execute(statement).all()


def replace(connection: Connection, place: Place, found: Sequence[tuple[Key, Mapping[str, tuple[Any, Any]]]]) -> int:
    """Put new values in the place of old ones, where these still are: whoever was quicker keeps theirs. How many rows
    and columns were changed.
    """
    table = _table(place)
    count = 0
    for name in place.columns:
        values = [
            {**{f"key_{n}": part for n, part in enumerate(key)}, "old": changes[name][0], "new": changes[name][1]}
            for key, changes in found
            if name in changes
        ]
        if not values:
            continue
        statement = (
            update(table)
            .where(*(column == bindparam(f"key_{n}") for n, column in enumerate(_key(place))))
            .where(table.c[name] == bindparam("old"))
            .values({name: bindparam("new")})
        )
        count += connection.execute(statement, values).rowcount
    return count


def key_of(place: Place, row: Row[Any]) -> Key:
    """The key of a row that was read."""
    return tuple(row[: len(_key(place))])


def _candidates(connection: Connection, place: Place, keyring: Keyring) -> ColumnElement[bool]:
    """Rows that hold something that may not be sealed with the first key."""
    columns = [_table(place).c[name] for name in place.columns]
    if not place.is_within:
        prefix = literal(keyring.current_prefix, LargeBinary)
        length = len(keyring.current_prefix)
        return or_(*(func.substr(column, 1, length, type_=LargeBinary) != prefix for column in columns))
    is_sqlite = connection.dialect.name == "sqlite"
    return or_(*(_holds_mark(column, is_sqlite=is_sqlite) for column in columns))


def _holds_mark(column: ColumnElement[Any], *, is_sqlite: bool) -> ColumnElement[bool]:
    is_binary = isinstance(column.type, LargeBinary)
    mark: ColumnElement[Any] = literal(MARK.encode(), LargeBinary) if is_binary else literal(MARK)
    if is_sqlite:
        return func.instr(column, mark) > 0
    return func.pg_catalog.position(column, mark) > 0


def _table(place: Place) -> Table:
    found: Table = place.model.__table__  # type: ignore[assignment]
    return found


def _key(place: Place) -> list[Any]:
    return list(_table(place).primary_key)


def _key_value(place: Place) -> Any:
    key = _key(place)
    return key[0] if len(key) == 1 else tuple_(*key)


def _literal(place: Place, values: Key) -> Any:
    parts = [literal(value, column.type) for value, column in zip(values, _key(place), strict=True)]
    return parts[0] if len(parts) == 1 else tuple_(*parts)
