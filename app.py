"""`flask --app app …` finds the application here, with commands that servers do without."""

from __future__ import annotations

from flask import Flask

from gateway import factory
from gateway.db.schema import flask_commands
from gateway.installation import installation_of


def create_app() -> Flask:
    """The web application, for Flask's command line."""
    app = factory.create_app()
    flask_commands.register(app, factory.db, installation_of(app).database.engine)
    return app
