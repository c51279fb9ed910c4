"""What gives deliveries and jobs a process: `embedded` asks the database, with nothing else beside it; `celery_engine`
is a Celery worker that is woken by messages. What runs in either is the same, and stands in `parts`.
"""
