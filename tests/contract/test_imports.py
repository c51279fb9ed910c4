"""The table of who may import whom, and that importing does nothing.

The table is the one of docs/architecture.md; when the design changes, both change.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.services.for_each import for_each

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gateway"

# From the top down. What stands on one line does not import each other; imports go down only.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("app", "asgi", "wsgi"),
    # celery: the application for Celery's command line.
    ("celery", "factory"),
    # server: the event-loop front, pages, the views of /healthz, /readyz and /metrics.
    ("api", "dashboard", "cli", "server"),
    # engines: what gives deliveries and jobs a process.
    ("engines",),
    # doctor: what can be said about an installation's health from inside. preflight: what keeps it from being started.
    # tenant_data: what a tenant has in all tables.
    # connections, entity_store: what an application imports for clients of connected accounts, and for entities.
    # key_rotation: everything that is sealed, sealed anew.
    # testing: what tests of applications import, and what pytest loads.
    ("connections", "doctor", "entity_store", "key_rotation", "manifest", "preflight", "tenant_data", "testing"),
    ("integrations",),
    ("entities",),
    ("webhooks", "oauth"),
    ("delivery",),
    # jobs: work that is neither a webhook nor a delivery.
    ("jobs",),
    ("clients", "events"),
    ("tenants",),
    # installation: what one process has.
    ("installation",),
    # announcing: telling workers what a commit made due.
    ("announcing", "outgoing"),
    ("db", "providers"),
    # handlers: what an application imports (`from gateway.handlers import on`), and the registry.
    ("handlers", "telemetry"),
    # content: what a body says. schema_fields: fields that schemas share.
    ("content", "security", "schema_fields"),
    # deferred: modules that are imported when first used. out_of_order: why a row cannot be loaded. suggestions: names
    # that are nearly right. kept: a part that a change does not speak of. priority: of threads. release: which version
    # this is. streams: answers that come bit by bit.
    (
        "config",
        "errors",
        "clock",
        "release",
        "durations",
        "strict_yaml",
        "deferred",
        "out_of_order",
        "suggestions",
        "kept",
        "priority",
        "open_files",
        "streams",
    ),
)
# The same inside the big packages: their modules and sub-packages, from the top down.
SHELVES: dict[str, tuple[tuple[str, ...], ...]] = {
    "server": (
        # host: connections and HTTP. Between it and the rest stands ASGI, and nothing else.
        ("host",),
        ("front",),
        # presence: that a web process lives.
        ("pages", "presence", "webhooks"),
        ("large_bodies",),
        ("answering", "body", "bridge", "environ", "operations", "page_pool", "watchdog"),
        ("scope_reader", "streamed_body"),
        # insiders: who may hear how the gateway is.
        ("insiders", "messages"),
    ),
    "db": (
        ("paging", "rows", "schema", "sealing_keys", "shared_clock", "snapshot", "time_bounds", "writing"),
        ("database",),
        ("scope",),
        ("revisions",),
        ("after_commit", "drivers", "engine", "faults", "lease", "model", "write_lock"),
        ("pooler",),
        ("types",),
    ),
    "providers": (
        ("prose",),
        ("registry", "ways"),
        ("compiled", "loader"),
        ("schema",),
        ("model",),
        ("oauth",),
        ("api",),
        ("webhook",),
        ("later",),
    ),
    "delivery": (
        ("worker",),
        # bulk, replays: many deliveries, and many events by a filter, as jobs.
        ("bulk", "redelivery", "replays"),
        # query_schema, schema: what may be asked for of the rest, and what is shown of it, as data.
        # repeating: deliveries as requests to be sent by hand.
        ("query_schema", "repeating", "schema"),
        # forwarded: an event as destinations see it.
        # event_replay: events delivered again, or for the first time. retry: deliveries tried again, or stopped.
        # forgetting: events of sources that keep theirs for less long. telling: of what happened inside.
        ("event_replay", "forgetting", "forwarded", "telling"),
        ("journal", "retention", "retry", "system_events"),
        # looked_for: what is looked for inside of events.
        ("event_status", "looked_for"),
        ("search",),
        ("routes", "sending"),
        ("destinations",),
        ("queue",),
        ("decisions",),
        ("models",),
    ),
    "clients": (
        ("systems",),
        ("described", "graphql"),
        ("cassettes", "client", "graphql_answers", "graphql_documents", "websocket"),
        ("calling", "http2"),
        # caching: answers that are kept (RFC 9111).
        ("attempts", "caching"),
        (
            "batching",
            "breaker",
            "building",
            "by_provider",
            "call_metrics",
            "compression",
            "fallback",
            "judging",
            "limits",
            "opentelemetry_spans",
            "paging",
            "retries",
            "transport",
            "verbs",
        ),
        ("observer", "tracing"),
        ("auth",),
        (
            "addresses",
            "connecting",
            "decoding",
            "exchange_watch",
            "loop_thread",
            "stripping",
            "uploads",
            "values",
            "waits",
        ),
        ("errors",),
    ),
    "oauth": (
        # views: what browsers ask for.
        ("views",),
        # flows: by a browser or a device. adding: by keys, client credentials, service accounts. proxy: calls through.
        ("adding", "flows", "proxy"),
        # trying: whether a connection works.
        ("trying",),
        # calling: where a connection's API is, and what calls carry. ending: revoking, here and at the provider.
        ("calling", "ending"),
        # refreshing: tokens that stay alive, and where clients get them.
        ("refreshing",),
        ("connections",),
        ("app_credentials",),
        # protocol: what is said to a provider, and how its answers are read. telling: events of our own.
        ("protocol", "telling"),
        ("vault",),
        ("models", "states"),
    ),
    "entities": (
        # syncing: a run from its beginning to its end. held_runs: what a person decides of one.
        ("held_runs", "syncing"),
        # pulling: pages into entities. pushing: local edits to the external system. resolving: what a person decides.
        ("pulling", "pushing", "resolving"),
        # editing: entities changed here.
        ("editing",),
        # reconciling: news of an entity that has local edits.
        ("reconciling",),
        ("conflicts",),
        # quarantine: records that could not be taken in. runs: a sync run under way, and when it is over.
        ("quarantine", "retention", "runs", "search"),
        ("store",),
        # disputes: opening and closing conflicts.
        ("disputes",),
        # cases: an entity with what is unsettled of it. marks: what pushes are about to make. trail: what happens to
        # entities, written in bulk.
        ("cases", "marks", "trail"),
        ("history",),
        # merging, rules, comparing, content: pure.
        ("merging",),
        # instances: the port to what an integration is.
        ("instances", "rules"),
        ("comparing", "content", "options"),
        ("external",),
        ("models", "states"),
    ),
    "integrations": (
        # syncing, streaming: what runs while one is active. noticing: webhooks that name what changed.
        # upkeep: what looks whether all of it runs.
        ("noticing", "streaming", "syncing", "upkeep"),
        ("lifecycle",),
        # asking: a person's word that it is synced. instances: what entities ask of integrations.
        ("asking", "health", "instances"),
        # quarantined: records that could not be taken in, tried again. subscriptions: webhooks that are registered at
        # providers.
        ("management", "quarantined", "subscriptions"),
        # pipelines: a type whose system is another integration; the registry knows it by its name.
        ("pipelines",),
        # bounded: calls of a type's code, for so long and no longer. opening: from rows to what a type is given.
        # sync_runs: with the names of their integrations.
        ("bounded", "opening", "requesting", "schedules", "search", "sync_runs"),
        # jobs: the kinds of jobs; what carries them out stands above, and is loaded by its name.
        ("jobs", "names", "payloads", "schema", "summary", "telling"),
        # registrations: what is on record of registered webhooks.
        ("registrations", "registry", "results", "rhythm", "rows"),
        # kinds: one module for each type that ships.
        ("kinds",),
        # type: what a type is. instance: what it is given.
        ("type",),
        ("attributes", "instance", "options"),
        ("models", "states"),
    ),
    "webhooks": (
        # acceptance: what was refused, taken in later. forgetting: events, one or one person's.
        ("acceptance", "forgetting", "known_names", "purge_kind", "purge_payload", "route_previews", "route_trials"),
        ("explain", "purge", "receive", "routes", "samples"),
        # rhythm: how often events come to sources, and which fell silent.
        ("rhythm",),
        ("material", "proofs", "rejections", "sources"),
        ("secrets_at_rest", "verification"),
        ("own_secrets",),
        ("arrival",),
    ),
}
# The command line starts the web server and a development shell: it may call the factory. Tokens are fetched with a
# client of their own. A client is asked for by the name of a provider, and what executes its description stands above.
EXCEPTIONS = {("cli", "factory"), ("auth", "client"), ("by_provider", "described")}
# errors are the lowest of those that stand together.
SIDEWAYS = {("config", "errors"), ("clock", "errors"), ("suggestions", "errors")}

ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"}
ENVIRONMENT |= {"dotenv.load_dotenv", "dotenv.dotenv_values"}


def modules() -> list[Path]:
    # Migrations are snapshots of a past schema, run by Alembic and imported by nobody.
    found = [path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts]
    return [*sorted(found), *(ROOT / name for name in ("app.py", "asgi.py", "wsgi.py") if (ROOT / name).exists())]


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """What a module says; several tests read them all."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Every module that `path` imports, wherever in the file, relative ones made absolute."""
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "deferred":
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def part_of(module: str) -> str | None:
    """The part of the table to which `module` belongs; None for other projects' modules."""
    head, *rest = module.split(".")
    if head == "gateway":
        return rest[0] if rest else None
    return head if head in {"app", "asgi", "wsgi"} else None


def violations(importer: str, imported: str, layers: tuple[tuple[str, ...], ...] = LAYERS) -> str | None:
    """What is wrong with one import, or None."""
    level = {name: len(layers) - index for index, names in enumerate(layers) for name in names}
    if importer == imported or (importer, imported) in EXCEPTIONS | SIDEWAYS:
        return None
    for name in (importer, imported):
        if name not in level:
            return f"{name} is not in the table"
    if level[imported] == level[importer]:
        return f"{importer} and {imported} stand on one line of the table"
    if level[imported] > level[importer]:
        return f"{importer} stands below {imported}"
    return None


@for_each(modules(), module_name)
def test_imports_go_down_only(path: Path) -> None:
    importer = part_of(module_name(path))
    if importer is None:
        assert list(imported_modules(path)) == [], "gateway/__init__.py must import nothing"
        return
    targets = {target: part_of(target) for target in imported_modules(path)}
    found = {target: violations(importer, part) for target, part in targets.items() if part is not None}
    assert {target: fault for target, fault in found.items() if fault} == {}


@pytest.mark.parametrize("package", SHELVES)
def test_imports_inside_a_package_go_down_only(package: str) -> None:
    found = {}
    for path in (PACKAGE / package).rglob("*.py"):
        # The package's own __init__ re-exports; migrations are imported by nobody.
        shelf = path.relative_to(PACKAGE / package).with_suffix("").parts[0]
        if shelf == "__init__" or "migrations" in path.parts:
            continue
        for target in imported_modules(path):
            parts = target.split(".")
            if parts[:2] == ["gateway", package] and len(parts) > 2:
                fault = violations(shelf, parts[2], SHELVES[package])
                if fault:
                    found[module_name(path), target] = fault
    assert found == {}


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("factory", "webhooks", True),
        ("webhooks", "delivery", True),
        ("events", "db", True),
        ("cli", "factory", True),
        ("delivery", "webhooks", False),
        ("db", "providers", False),
        ("installation", "outgoing", True),
        ("outgoing", "installation", False),
        ("security", "outgoing", False),
        ("security", "telemetry", False),
        ("telemetry", "security", True),
        ("webhooks", "manifest", False),
        ("security", "db", False),
        ("webhooks", "oauth", False),
        ("events", "helpers", False),
    ],
)
def test_the_table_is_read_as_meant(importer: str, imported: str, allowed: bool) -> None:
    assert (violations(importer, imported) is None) is allowed


def test_imports_inside_functions_and_deferred_ones_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "delivery" / "imaginary.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "def f():\n    from ..webhooks.receive import views\n    import gateway.cli.main\ndb = deferred('gateway.db')\n"
    )
    found = ["gateway.db", "gateway.webhooks.receive.views", "gateway.cli.main"]
    assert sorted(imported_modules(path, tmp_path)) == sorted(found)


@for_each(modules(), module_name)
def test_config_alone_reads_the_environment(path: Path) -> None:
    if module_name(path) == "gateway.config":
        return
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    imports = set(imported_modules(path))
    assert (attributes | imports) & ENVIRONMENT == set()


HTTP_LIBRARIES = (
    "aiohttp",
    "httpcore2",
    "requests",
    "urllib3",
    "httpx",
    "http.client",
    "urllib.request",
    "yarl",
    "websockets",
)
# Who sends: all else asks them, and so passes the SSRF guard and the caps.
SENDERS = (
    "gateway.outgoing.",
    "gateway.delivery.sending.sender",
    "gateway.clients.transport",
    "gateway.clients.http2",
    # Records what it is given by the guard of `outgoing`.
    "gateway.clients.cassettes.session",
    # Opens sockets at judged addresses by itself; the other works on what it opened.
    "gateway.clients.websocket.dialing",
    "gateway.clients.websocket.link",
)


@for_each(modules(), module_name)
def test_only_who_sends_imports_an_http_library(path: Path) -> None:
    found = {name for name in imported_modules(path) if within(name, HTTP_LIBRARIES)}
    assert found == set() or module_name(path).startswith(SENDERS)


@for_each(sorted((PACKAGE / "security").rglob("*.py")), module_name)
def test_security_opens_no_socket(path: Path) -> None:
    assert {
        name for name in imported_modules(path) if within(name, ("socket", "ssl", "asyncio", *HTTP_LIBRARIES))
    } == set()


@for_each(sorted((PACKAGE / "oauth" / "protocol").rglob("*.py")), module_name)
def test_what_is_said_to_providers_needs_no_database_and_no_flask(path: Path) -> None:
    found = {name for name in imported_modules(path) if within(name, ("sqlalchemy", "flask", "gateway.db"))}
    assert found == set()


def within(name: str, libraries: tuple[str, ...]) -> bool:
    """Whether importing `name` (a module, or something in it) imports one of `libraries`."""
    return any(f"{name}.".startswith(f"{library}.") for library in libraries)


def test_libraries_are_told_apart_by_their_whole_names() -> None:
    assert within("aiohttp.abc.AbstractResolver", HTTP_LIBRARIES)
    assert within("http.client", HTTP_LIBRARIES)
    assert not within("http.HTTPStatus", HTTP_LIBRARIES)
    assert not within("requests_of_ours", HTTP_LIBRARIES)


IMPORT_EVERYTHING = """
import importlib, json, os, socket, sys, threading
import urllib3  # binds a socket when it is imported, to see whether the machine has IPv6: its own doing

opened = []
def watch(event, arguments):
    if event.startswith("socket.") or event in {"subprocess.Popen", "os.fork"}:
        opened.append(event)
sys.addaudithook(watch)
environment = dict(os.environ)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps({
    "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
    "opened": opened,
    "environment_changed": dict(os.environ) != environment,
}))
"""


def test_importing_does_nothing(tmp_path: Path) -> None:
    # `app`, `asgi` and `wsgi` make the application that a server asks for: that is what they are there for.
    names = [module_name(path) for path in modules() if path.is_relative_to(PACKAGE)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EVERYTHING, *names],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"threads": [], "opened": [], "environment_changed": False}
    assert list(tmp_path.iterdir()) == []
