"""`gateway run`: web and worker on this machine, in one command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import click
from sqlalchemy import make_url

import gateway
from gateway.cli.listening import wait_for_port, what_to_do
from gateway.cli.supervision import Plan, become_supervisor, hold_signals
from gateway.cli.supervisor import Program
from gateway.cli.terminal.failures import fail_all, failures
from gateway.cli.terminal.log_lines import tell
from gateway.config import WAKEUP_VARIABLE, Settings, child_environment, read_settings
from gateway.db.faults import storage_errors
from gateway.db.schema.upgrade import upgrade
from gateway.db.schema.version import current, head
from gateway.doctor.files import describe_closed, own_files
from gateway.errors import GatewayError, InvalidInput
from gateway.installation import Installation
from gateway.preflight import look_at_database, look_at_keys, look_at_modules
from gateway.security.loopback import is_loopback
from gateway.security.private_files import close_to_others, find_loose
from gateway.telemetry.logging import is_json
from gateway.telemetry.metric_files import VARIABLE as METRICS_VARIABLE
from gateway.telemetry.metric_files import make_metrics_dir

PROJECT = Path(gateway.__file__).parent.parent
GUNICORN_SETTINGS = PROJECT / "gunicorn.conf.py"
# Longer than gunicorn's own graceful timeout, and than the worker's deadline: killing is for what hangs.
WEB_STOP_SECONDS = 30.0
WORKER_STOP_SECONDS = 40.0
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (compared with, not bound)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), help="Web processes [2].")
@click.option(
    "--threads",
    type=click.IntRange(1, 512),
    help="Threads of each web process for pages and API; webhooks need none [8].",
)
def run(host: str, port: int, workers: int | None, threads: int | None) -> None:
    """Run web and worker on this machine, until Ctrl-C.

    Creates and migrates an SQLite database; a PostgreSQL database must be at this version (`gateway db upgrade`).
    """
    with failures():
        settings, is_assumed = _require_start(host, port)
        with Installation(settings) as installation:
            _prepare_database(installation)
            # Made here, so that web and worker find one and the same.
            installation.claim_keys()
            as_json = is_json(settings, sys.stderr)
            for closed in close_to_others(find_loose(own_files(installation))):
                tell(describe_closed(closed), as_json=as_json)
        if is_assumed:
            tell(
                "Deliveries to private addresses are allowed, because this gateway listens on loopback; "
                "GATEWAY_ALLOW_PRIVATE_DESTINATIONS=false forbids them.",
                as_json=as_json,
            )
        for remark in _address_remarks(settings, host, port):
            tell(remark, as_json=as_json, level="warning")
        # From here on there is something to clean up.
        hold_signals()
        become_supervisor(*_plan(settings, host, port, workers, threads))


def _require_start(host: str, port: int) -> tuple[Settings, bool]:
    """The settings, and whether private destinations are allowed only because the host is loopback.

    Ends the command with everything that would keep web or worker from starting, before anything is made or started.
    """
    given, _ = read_settings()
    assumed = replace(
        Settings(),
        base_url=f"http://{_in_url(EVERY_ADDRESS.get(host, host))}:{port}",
        allow_private_destinations=is_loopback(host),
    )
    settings, error = read_settings(defaults=assumed)
    found = [*([error] if error else []), *look_at_modules(settings), *_look_at_port(host, port)]
    # With faulty settings it would be another database, or other keys, that were looked at.
    if error is None:
        with Installation(settings) as installation:
            found += [
                *look_at_keys(installation),
                *look_at_database(installation.database, is_made=_is_sqlite(settings)),
            ]
    if found:
        fail_all(found)
    return settings, settings.allow_private_destinations and not given.allow_private_destinations


def _address_remarks(settings: Settings, host: str, port: int) -> Iterator[str]:
    """Where what commands print, here or in other terminals, would not lead to this gateway."""
    here = f"http://{_in_url(EVERY_ADDRESS.get(host, host))}:{port}"
    named = urlsplit(settings.base_url)
    if not is_loopback(named.hostname or ""):
        # A public address leads here by way of a proxy.
        return
    if (named.port or (443 if named.scheme == "https" else 80)) != port:
        yield (
            f"GATEWAY_BASE_URL is {settings.base_url}, and this gateway listens on port {port}: what is printed leads "
            f"elsewhere. Set it to {here}, or leave it out."
        )
    elif read_settings()[0].base_url != settings.base_url:
        # Commands of other terminals know no --port.
        yield (
            f"Commands in other terminals take this gateway for {Settings().base_url}: there, or in .env, say "
            f"GATEWAY_BASE_URL={settings.base_url}"
        )


def _look_at_port(host: str, port: int) -> Iterator[GatewayError]:
    error = wait_for_port(host, port)
    if error is not None:
        yield InvalidInput(f"cannot listen on {_in_url(host)}:{port} ({error.strerror}): {what_to_do(error)}")


def _prepare_database(installation: Installation) -> None:
    if _is_sqlite(installation.settings):
        with storage_errors():
            upgrade(installation.settings.database_url)
    found = current(installation.database)
    if found is not None and found > head():
        newer = f"The database has schema {found}, this version knows {head()}: a newer gateway works on it too."
        tell(newer, as_json=is_json(installation.settings, sys.stderr))


def _is_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite:")


def _plan(
    settings: Settings, host: str, port: int, workers: int | None, threads: int | None
) -> tuple[Plan, Mapping[str, str]]:
    """What is to be supervised, and in which environment. Makes the folders that programs share and nobody gave."""
    folders = []
    bind = f"{_in_url(host)}:{port}"
    variables = {
        "GATEWAY_BASE_URL": settings.base_url,
        "GATEWAY_LISTEN": bind,
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": str(settings.allow_private_destinations).lower(),
    }
    # Where the processes share their metrics.
    metrics_dir = settings.metrics_dir
    if metrics_dir is None:
        metrics_dir = make_metrics_dir()
        folders.append(str(metrics_dir))
    # Where the web processes wake the worker, which makes it.
    wakeup_pipe = settings.wakeup_pipe
    if wakeup_pipe is None:
        folders.append(mkdtemp(prefix="gateway-wakeup-"))
        wakeup_pipe = Path(folders[-1], "pipe")
    variables |= {METRICS_VARIABLE: str(metrics_dir), WAKEUP_VARIABLE: str(wakeup_pipe)}
    if threads is not None:
        variables["GATEWAY_WEB_THREADS"] = str(threads)
    web = [sys.executable, "-m", "gunicorn", "--config", str(GUNICORN_SETTINGS), "--bind", bind]
    if workers is not None:
        web += ["--workers", str(workers)]
    worker = [sys.executable, "-m", "gateway.cli.main", "worker"]
    plan = Plan(
        [
            Program("web", [*web, "asgi:app"], WEB_STOP_SECONDS, must_start=True),
            Program("worker", worker, WORKER_STOP_SECONDS),
        ],
        EVERY_ADDRESS.get(host, host),
        port,
        _greeting(settings, os.getpid()),
        folders,
        as_json=is_json(settings, sys.stderr),
        # Who asked for it reads everything with a program.
        greets_as_json=settings.log_format == "json",
    )
    return plan, child_environment(variables)


def _greeting(settings: Settings, pid: int) -> Sequence[str]:
    keys = "GATEWAY_ENCRYPTION_KEYS" if settings.encryption_keys else str(settings.encryption_key_file.absolute())
    return (
        f"The gateway is up: {settings.base_url}  (process {pid}, Ctrl-C stops it)",
        f"  database         {_database_name(settings)}",
        f"  encryption keys  {keys}",
        "  next             gateway sources add github --provider github --generate-secret",
        f"  for programs     gateway keys create NAME, and {settings.base_url}/api/docs",
    )


def _database_name(settings: Settings) -> str:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return str(Path(url.database or "").absolute())
    return url.render_as_string(hide_password=True)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
