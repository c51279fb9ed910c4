"""PostgreSQL databases for test after test: to make one takes ten times as long as to empty it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import URL

from tests.services.postgres import create_database, drop_database, dsn, fresh_name, url_of

OTHERS = """
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid()
"""
# Everything that a test may have made, changed or removed besides rows, in a word.
SHAPE = """
WITH ours AS (SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace),
parts AS (
  SELECT concat_ws(' ', oid, relname, relkind) AS part FROM ours
  UNION ALL SELECT concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, atthasdef, attisdropped)
    FROM pg_attribute JOIN ours ON ours.oid = attrelid
  UNION ALL SELECT concat_ws(' ', pg_index.indexrelid, indisunique, indisvalid, indisready)
    FROM pg_index JOIN ours ON ours.oid = indexrelid
  UNION ALL SELECT concat_ws(' ', pg_constraint.oid, conname, convalidated)
    FROM pg_constraint JOIN ours ON ours.oid = conrelid
  UNION ALL SELECT concat_ws(' ', pg_trigger.oid, tgname, tgenabled) FROM pg_trigger JOIN ours ON ours.oid = tgrelid
  UNION ALL SELECT concat_ws(' ', oid, proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', setrole, setconfig) FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
  UNION ALL SELECT concat_ws(' ', 'statistics', count(*)) FROM pg_statistic JOIN ours ON ours.oid = starelid
)
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM parts
"""
USED = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
# Up to this size rows are deleted; from there on the table gets new files, which takes longer for all that refer to it.
DELETED_BYTES = 65_536
# The one that was emptied last may not have closed its connection yet, for which PostgreSQL would wait 0.1 s.
RESTING = 1


class ReusedDatabases:
    """Copies of `template`, emptied after each use and lent under another name each time, so that what a test left
    running does not find the next one's. A copy whose tables were changed is dropped, and a new one made when needed.
    """

    def __init__(self, server: URL, template: str) -> None:
        self._server = server
        self._template = template
        self._kept: deque[str] = deque()
        self._administrator = psycopg.connect(dsn(server), autocommit=True)
        with psycopg.connect(dsn(server, template), autocommit=True) as connection:
            self._shape = _shape(connection)
            # The rows that a migrated database has from the first.
            self._rows = {table: _copied(connection, table) for table, _ in _used(connection)}

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a database that is as the template is, for as long as the block lasts."""
        name = fresh_name("test")
        if len(self._kept) > RESTING:
            rename, rested = sql.SQL("ALTER DATABASE {} RENAME TO {}"), self._kept.popleft()
            # A pooler may have come back to it.
            self._administrator.execute(OTHERS, [rested])
            self._administrator.execute(rename.format(sql.Identifier(rested), sql.Identifier(name)))
        else:
            create_database(self._server, name, template=self._template)
        yield url_of(self._server, name)
        if self._restore(name):
            self._kept.append(name)
        else:
            drop_database(self._server, name)

    def remove(self) -> None:
        """Drop what is kept."""
        self._administrator.close()
        for name in self._kept:
            drop_database(self._server, name)

    def _restore(self, name: str) -> bool:
        """Empty the database; False where its tables are not what they were."""
        with psycopg.connect(dsn(self._server, name), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(OTHERS, [name])
            if _shape(connection) != self._shape:
                return False
            # Rows go in any order, as no key is looked after.
            connection.execute("SET session_replication_role = replica")
            with connection.transaction():
                for table, size in _used(connection):
                    query = "DELETE FROM {}" if size <= DELETED_BYTES else "TRUNCATE {} CASCADE"
                    connection.execute(sql.SQL(query).format(sql.Identifier(table)))
                for table, rows in self._rows.items():
                    query = "COPY {} FROM STDIN (FORMAT binary)"
                    with connection.cursor().copy(sql.SQL(query).format(sql.Identifier(table))) as copy:
                        copy.write(rows)
        return True


def _shape(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    (shape,) = connection.execute(SHAPE).fetchone() or (None,)
    return shape


def _used(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[str, int]]:
    return [(str(name), int(str(size))) for name, size in connection.execute(USED)]


def _copied(connection: psycopg.Connection[tuple[object, ...]], table: str) -> bytes:
    query = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))
    with connection.cursor().copy(query) as copy:
        return b"".join(map(bytes, copy))
