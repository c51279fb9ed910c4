"""Python imports this by itself in every process that has this folder in PYTHONPATH: those of `tests.crash`."""

from tests.crash.mortality import watch

watch()
