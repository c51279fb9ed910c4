"""The Celery engine: a Celery worker in whose process the same parts run as in the embedded one. Messages wake them."""
