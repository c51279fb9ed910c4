"""`flask db`: Flask-Migrate's commands, for those who write migrations. Servers do without: Alembic and what it brings
along take 9 MB of a process.
"""

from __future__ import annotations

from alembic.config import Config
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine

from gateway.db.schema.version import MIGRATIONS


def register(app: Flask, database: SQLAlchemy, engine: Engine) -> None:
    """Add the commands to `app`; they work on `engine`."""
    migrate = Migrate(app, database, directory=str(MIGRATIONS))

    @migrate.configure  # type: ignore[untyped-decorator]
    def hand_over(config: Config) -> Config:
        config.attributes["engine"] = engine
        return config
