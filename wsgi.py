"""The application for WSGI servers: `gunicorn wsgi:app`."""

from __future__ import annotations

import atexit

from gateway.factory import create_server
from gateway.installation import installation_of
from gateway.server.presence import WebPresence

app = create_server()
installation_of(app).part(WebPresence)
atexit.register(installation_of(app).close)
