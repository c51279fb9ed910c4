"""The application for WSGI servers: `gunicorn wsgi:app`."""

from __future__ import annotations

import atexit

from gateway.factory import create_server

app = create_server()
atexit.register(app.extensions["gateway.inbound"].close)
