"""The application for gunicorn's event-loop workers: `gunicorn -c gunicorn.conf.py asgi:app`.

Threads besides the loop serve everything that is not a webhook; `GATEWAY_WEB_THREADS` says how many.
"""

from __future__ import annotations

from gateway.factory import create_server
from gateway.installation import installation_of
from gateway.server.front import Front

_flask = create_server()
app = Front(_flask, threads=installation_of(_flask).settings.web_threads)
