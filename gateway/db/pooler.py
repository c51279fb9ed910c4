"""A pooler before PostgreSQL, such as PgBouncer, that lends its connections for the length of a transaction.

What a session set is lost behind it, and a prepared statement may be looked for where nobody prepared it. So whoever
connects through one says so, by `?pooler=transaction` in the database's URL: nothing is prepared then, and what a
connection of ours sets otherwise has to be set by the pooler or for the role. Both is asked of every new connection, so
that a pooler of which nobody spoke is named instead of failing in the middle of something.

Source: https://www.pgbouncer.org/features.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL

from gateway.errors import StorageUnavailable

if TYPE_CHECKING:
    import psycopg

OPTION = "pooler"
TRANSACTION = "transaction"

# Means nothing to PostgreSQL, which keeps it with the session: who has lost it has lost all that was set.
MARK = "-c gateway.session=own"

_ASK = """
SELECT current_setting('gateway.session', true),
       current_setting('statement_timeout') <> '0' AND current_setting('lock_timeout') <> '0'
"""
_UNSPOKEN = (
    "a pooler stands before the database that keeps nothing of a session; "
    f"add ?{OPTION}={TRANSACTION} to GATEWAY_DATABASE_URL"
)
_UNLIMITED = (
    "the pooler before the database gives connections without statement_timeout and lock_timeout; set both, "
    "by its connect_query or with ALTER ROLE, and let it connect anew"
)


def is_pooled(url: URL) -> bool:
    """Whether `url` leads through a pooler in transaction mode."""
    return OPTION in url.query


def without_option(url: URL) -> URL:
    """`url` as the driver takes it."""
    return url.difference_update_query([OPTION])


def connect(dialect: Any, _record: object, arguments: Any, options: Any) -> psycopg.Connection[Any]:
    """A connection that has what it needs, with or without a pooler. A listener of `do_connect`. Raises
    `StorageUnavailable` where a pooler is not what the URL says, or gives no limits.
    """
    try:
        connection: psycopg.Connection[Any] = dialect.connect(*arguments, **options)
    except dialect.dbapi.OperationalError as error:
        if "startup parameter" in str(error):
            raise StorageUnavailable(_UNSPOKEN) from error
        raise
    try:
        _require_session(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_session(connection: psycopg.Connection[Any]) -> None:
    is_pooled = connection.prepare_threshold is None
    connection.autocommit = True
    mark, is_limited = connection.execute(_ASK, prepare=False).fetchone() or (None, False)
    connection.autocommit = False
    if not is_pooled and mark is None:
        raise StorageUnavailable(_UNSPOKEN)
    if not is_limited:
        raise StorageUnavailable(_UNLIMITED)
