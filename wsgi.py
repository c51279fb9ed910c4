"""The application for WSGI servers: `gunicorn wsgi:app`."""

from __future__ import annotations

import atexit

from gateway.factory import create_server
from gateway.installation import installation_of

app = create_server()
atexit.register(installation_of(app).close)
