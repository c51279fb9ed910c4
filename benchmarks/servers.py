"""What is measured, as processes: the gateway's web and worker, the references on gunicorn's threads, and the sink. An
installation has its own directory, database, key and one route from a GitHub source to the sink.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import count_rows, gateway_database
from benchmarks.load import LoadProfile
from benchmarks.processes import ROOT, BenchmarkFailed, Child, Children, await_http, fetch_json, free_port
from benchmarks.samples import EVENT_TYPE, SECRET
from gateway.config import Settings, child_environment
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.routes.draft import RouteDraft
from gateway.installation import Installation
from gateway.security.sealing import generate_key
from gateway.tenants.acting import act
from gateway.tenants.audit import Actor, ActorKind
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source

SLUG = "github"
REFERENCE_THREADS = 8
# As in gunicorn.conf.py.
DEFAULT_WORKERS = 2
WEBHOOK_PATH = f"/webhooks/{SLUG}"
GATEWAY_APP = "benchmarks.pages:app"
GATEWAY_COMMAND = str(Path(sys.executable).with_name("gateway"))


@dataclass(frozen=True, slots=True)
class Web:
    """A web server that answers."""

    child: Child
    port: int

    def ingest_profile(self, *, seconds: float, connections: int) -> LoadProfile:
        """Signed events, as fast as they are taken."""
        return LoadProfile(self.port, WEBHOOK_PATH, seconds, connections, expect='"accepted"')


@dataclass(frozen=True, slots=True)
class Sink:
    """A destination that answers 200."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def count(self) -> int:
        """Requests since the last reset."""
        return int(fetch_json(self.port, "/counts")["count"])

    def first_at(self) -> float:
        """When the first of them came, in monotonic seconds."""
        return float(fetch_json(self.port, "/counts")["first_at"])

    def last_at(self) -> float:
        """When the last of them came, in monotonic seconds."""
        return float(fetch_json(self.port, "/counts")["last_at"])

    def arrivals(self) -> dict[str, float]:
        """When each delivery id came first, in monotonic seconds."""
        return dict(fetch_json(self.port, "/arrivals"))

    def reset(self) -> None:
        """Forget what came."""
        fetch_json(self.port, "/reset")


@dataclass(frozen=True, slots=True)
class GatewayUnderTest:
    """A gateway with a migrated database, one GitHub source, one destination and the route between them."""

    name: str
    directory: Path
    database_url: str
    variables: dict[str, str]
    tenant_id: str
    source_id: str
    destination_id: str
    route_id: str

    def start_web(self, children: Children, *, workers: int | None = None) -> Web:
        """gunicorn as `gateway run` starts it, without the worker; with the page of `benchmarks.pages`."""
        return _start_gunicorn(children, self.name, self.directory, self.variables, [GATEWAY_APP], workers=workers)

    def start_worker(self, children: Children, *, number: int = 1) -> Child:
        """One `gateway worker`."""
        return children.start(
            f"{self.name}-worker-{number}",
            [GATEWAY_COMMAND, "worker"],
            directory=self.directory,
            environment=_environment(self.variables),
        )

    def require_rows(self, acknowledged: int) -> None:
        """Raises `BenchmarkFailed` unless every acknowledged event is stored once, with its delivery."""
        for table in ("events", "deliveries"):
            found = count_rows(self.database_url, table)
            if found != acknowledged:
                raise BenchmarkFailed(f"{self.name}: {acknowledged} acknowledged, but {found} rows in {table}")

    def await_delivered(self, worker: Child, *, timeout_seconds: float = 120.0) -> None:
        """Wait until everything is recorded as delivered. Raises `BenchmarkFailed`."""
        ends_at = time.monotonic() + timeout_seconds
        while count_rows(self.database_url, "deliveries", "state <> 'delivered'"):
            worker.require_alive()
            if time.monotonic() > ends_at:
                raise BenchmarkFailed(f"{self.name}: deliveries unfinished after {timeout_seconds:.0f} s")
            time.sleep(0.1)


@contextmanager
def gateway_under_test(name: str, kind: str, directory: Path, sink_url: str) -> Iterator[GatewayUnderTest]:
    """A fresh one on a database of `kind`, which is dropped at the end."""
    home = directory / name
    home.mkdir()
    with gateway_database(kind, home) as database_url:
        key = generate_key()
        variables = {
            "GATEWAY_DATABASE_URL": database_url,
            "GATEWAY_ENCRYPTION_KEYS": key,
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
            # As `gateway run` does for its processes.
            "GATEWAY_WAKEUP_PIPE": str(home / "wakeup"),
        }
        yield GatewayUnderTest(name, home, database_url, variables, *_configure(database_url, key, sink_url))


def start_sink(children: Children, directory: Path, *, keeps_arrivals: bool = False) -> Sink:
    """A sink that answers."""
    port = free_port()
    arguments = [sys.executable, "-m", "benchmarks.sink", str(port), *(["--arrivals"] if keeps_arrivals else [])]
    child = children.start(f"sink-{port}", arguments, directory=directory, environment=_environment({}))
    await_http(child, port, "/counts")
    return Sink(port)


def start_reference(
    children: Children, name: str, app: str, directory: Path, *, workers: int | None = None, is_tuned: bool = True
) -> Web:
    """A WSGI application on gunicorn's threads, which are what an ordinary deployment of Flask has, whatever hosts the
    gateway. `is_tuned` configures gunicorn otherwise as for the gateway (processes that stay on their cores, the C
    parser, and so on); else there is nothing but gunicorn's defaults.
    """
    home = directory / name
    home.mkdir(exist_ok=True)
    hosting = ["--worker-class", "gthread", "--threads", str(REFERENCE_THREADS), app]
    if is_tuned:
        hosting = ["--http-parser", "fast", *hosting]
        variables = {"GATEWAY_DATABASE_URL": f"sqlite:///{home / 'unused.db'}"}
        return _start_gunicorn(children, name, home, variables, hosting, workers=workers)
    return _start_server(children, name, home, {}, ["--workers", str(workers or DEFAULT_WORKERS), *hosting])


def _start_gunicorn(
    children: Children,
    name: str,
    directory: Path,
    variables: dict[str, str],
    hosting: list[str],
    *,
    workers: int | None,
) -> Web:
    number = [] if workers is None else ["--workers", str(workers)]
    arguments = ["-c", str(ROOT / "gunicorn.conf.py"), *number, *hosting]
    return _start_server(children, name, directory, variables, arguments)


def _start_server(
    children: Children, name: str, directory: Path, variables: dict[str, str], arguments: list[str]
) -> Web:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", *arguments]
    child = children.start(name, command, directory=directory, environment=_environment(variables))
    # Any answer will do: a path that is no page, so that no page is counted.
    await_http(child, port, "/")
    return Web(child, port)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    return child_environment(variables | {"PYTHONPATH": str(ROOT)})


def _configure(database_url: str, key: str, sink_url: str) -> tuple[str, str, str, str]:
    settings = Settings(database_url=database_url, encryption_keys=(key,), allow_private_destinations=True)
    actor = Actor(ActorKind.SYSTEM, "benchmarks")
    with (
        Installation(settings) as opened,
        act(opened, actor=actor, write=True) as acting,
    ):
        # For attacks: its signature lies in the body.
        add_source(acting, SourceDraft("mailgun", "mailgun", credentials={"secret": SECRET}))
        source = add_source(acting, SourceDraft(SLUG, "github", "sha256", credentials={"secret": SECRET})).source
        destination = add_destination(acting, DestinationDraft("sink", sink_url)).destination
        route = add_route(acting, RouteDraft(SLUG, "sink", event_types=(EVENT_TYPE,)))
        return acting.tenant.id, source.id, destination.id, route.id
