"""Settings from the environment, validated at once. The only module that reads `os.environ`.

Every fault is collected and reported by variable name in one `ConfigurationError`. A `.env` file in the working
directory is read; the real environment wins over it.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from dotenv import dotenv_values

from gateway.errors import ConfigurationError, Hint

T = TypeVar("T")

# What helps with a fault in a variable, beside what the fault itself says.
HINTS = {"GATEWAY_ENCRYPTION_KEYS": Hint("generate_key")}

DEFAULT_SCHEDULE_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0)
LEAST_BUDGET_BYTES = 64 * 1024 * 1024
LEAST_TOKEN_CHARACTERS = 16
KEY_BYTES = 32
BROKER_SCHEMES = ("amqp", "amqps", "redis", "rediss")
KEY_FAULT = f"is not {KEY_BYTES} bytes of base64"

PREFIX = "GATEWAY_"

# Set by `gateway run` for its processes.
WAKEUP_VARIABLE = "GATEWAY_WAKEUP_PIPE"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Field names are the variables' names without `GATEWAY_`, with units."""

    database_url: str = field(default="sqlite:///instance/gateway.db", repr=False)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    base_url: str = "http://127.0.0.1:8000"
    listen: tuple[str, int] | None = None
    trusted_proxies: int = 0
    broker_url: str = field(default="", repr=False)
    sweep_seconds: int = 3
    handlers: tuple[str, ...] = ()
    providers_dir: Path | None = None
    max_body_bytes: int = 5 * 1024 * 1024
    rejected_body_bytes: int = 1024 * 1024
    request_budget_bytes: int | None = None
    max_connections: int = 2000
    max_connections_per_address: int = 256
    failed_verifications: int = 60
    api_requests_per_minute: int = 6000
    metrics_token: str = field(default="", repr=False)
    delivery_schedule_seconds: tuple[float, ...] = DEFAULT_SCHEDULE_SECONDS
    retention_days: int = 30
    proof_days: int = 90
    search_index: bool = True
    allow_private_destinations: bool = False
    log_format: str | None = None
    log_level: str = "info"
    web_threads: int = 8
    proxy_body_bytes: int = 1 << 30
    metrics_dir: Path | None = None
    wakeup_pipe: Path | None = None
    encryption_key_file: Path = Path("instance/encryption.key")
    unknown_variables: tuple[str, ...] = ()
    """A sentence for each variable that is called like ours and is none: probably misspelt."""

    @property
    def requests_bytes(self) -> int:
        """What all requests that are under way may hold together, in each web process."""
        return self.request_budget_bytes or max(LEAST_BUDGET_BYTES, 2 * self.max_body_bytes)

    @property
    def proof_seconds(self) -> float:
        """How long signed texts are remembered that a source accepts once: never less than events are kept."""
        return max(self.proof_days, self.retention_days) * 86_400.0


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    dotenv_path: Path | None = None,
    defaults: Settings | None = None,
) -> Settings:
    """Read and check all `GATEWAY_*` variables.

    `environ` replaces the process environment and the `.env` file (for tests and embedding); otherwise
    `dotenv_path`, by default `.env` in the working directory, fills in what the environment does not set.
    `defaults` replaces the defaults: what a variable sets, even to the usual default, wins over them.
    Raises `ConfigurationError` that names every faulty variable.
    """
    settings, error = read_settings(environ, dotenv_path=dotenv_path, defaults=defaults)
    if error is not None:
        raise error
    return settings


def read_settings(
    environ: Mapping[str, str] | None = None,
    *,
    dotenv_path: Path | None = None,
    defaults: Settings | None = None,
) -> tuple[Settings, ConfigurationError | None]:
    """The same without raising, for who has more to look at: faulty variables have their defaults, and are named."""
    reader = _Reader(_environment(dotenv_path) if environ is None else environ)
    defaults = defaults or Settings()
    settings = Settings(
        database_url=reader.get("GATEWAY_DATABASE_URL", _database_url, defaults.database_url),
        encryption_keys=reader.get("GATEWAY_ENCRYPTION_KEYS", _keys, defaults.encryption_keys),
        base_url=reader.get("GATEWAY_BASE_URL", _base_url, defaults.base_url),
        listen=reader.get("GATEWAY_LISTEN", _host_and_port, defaults.listen),
        trusted_proxies=reader.get("GATEWAY_TRUSTED_PROXIES", _whole(0, 10), defaults.trusted_proxies),
        broker_url=reader.get("GATEWAY_BROKER_URL", _broker_url, defaults.broker_url),
        sweep_seconds=reader.get("GATEWAY_SWEEP_SECONDS", _whole(1, 60), defaults.sweep_seconds),
        handlers=reader.get("GATEWAY_HANDLERS", _modules, defaults.handlers),
        providers_dir=reader.get("GATEWAY_PROVIDERS_DIR", _directory, defaults.providers_dir),
        max_body_bytes=reader.get("GATEWAY_MAX_BODY_BYTES", _whole(1, 1 << 30), defaults.max_body_bytes),
        rejected_body_bytes=reader.get(
            "GATEWAY_REJECTED_BODY_BYTES", _whole(0, 16 << 20), defaults.rejected_body_bytes
        ),
        request_budget_bytes=reader.get(
            "GATEWAY_REQUEST_BUDGET_BYTES", _whole(1 << 20, 1 << 40), defaults.request_budget_bytes
        ),
        max_connections=reader.get("GATEWAY_MAX_CONNECTIONS", _whole(16, 60_000), defaults.max_connections),
        max_connections_per_address=reader.get(
            "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", _whole(1, 60_000), defaults.max_connections_per_address
        ),
        failed_verifications=reader.get(
            "GATEWAY_FAILED_VERIFICATIONS", _whole(0, 1_000_000), defaults.failed_verifications
        ),
        api_requests_per_minute=reader.get(
            "GATEWAY_API_REQUESTS_PER_MINUTE", _whole(0, 10_000_000), defaults.api_requests_per_minute
        ),
        metrics_token=reader.get("GATEWAY_METRICS_TOKEN", _token, defaults.metrics_token),
        delivery_schedule_seconds=reader.get(
            "GATEWAY_DELIVERY_SCHEDULE", parse_schedule, defaults.delivery_schedule_seconds
        ),
        retention_days=reader.get("GATEWAY_RETENTION_DAYS", _whole(1, 36_500), defaults.retention_days),
        proof_days=reader.get("GATEWAY_PROOF_DAYS", _whole(1, 36_500), defaults.proof_days),
        search_index=reader.get("GATEWAY_SEARCH_INDEX", _boolean, defaults.search_index),
        allow_private_destinations=reader.get(
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS", _boolean, defaults.allow_private_destinations
        ),
        log_format=reader.get("GATEWAY_LOG_FORMAT", _one_of("text", "json"), defaults.log_format),
        log_level=reader.get("GATEWAY_LOG_LEVEL", _one_of("debug", "info", "warning", "error"), defaults.log_level),
        web_threads=reader.get("GATEWAY_WEB_THREADS", _whole(1, 512), defaults.web_threads),
        proxy_body_bytes=reader.get("GATEWAY_PROXY_BODY_BYTES", _whole(0, 1 << 40), defaults.proxy_body_bytes),
        metrics_dir=reader.get("PROMETHEUS_MULTIPROC_DIR", Path, defaults.metrics_dir),
        wakeup_pipe=reader.get("GATEWAY_WAKEUP_PIPE", _pipe, defaults.wakeup_pipe),
    )
    if settings.requests_bytes < 2 * settings.max_body_bytes:
        reader.faults["GATEWAY_REQUEST_BUDGET_BYTES"] = (
            "GATEWAY_REQUEST_BUDGET_BYTES must be at least twice GATEWAY_MAX_BODY_BYTES, "
            f"which is {settings.max_body_bytes}: else no two of the largest bodies could come at once"
        )
    settings = replace(
        settings, encryption_key_file=defaults.encryption_key_file, unknown_variables=reader.unknown_variables()
    )
    if not reader.faults:
        return settings, None
    hints = [HINTS[name] for name in reader.faults if name in HINTS]
    return settings, ConfigurationError(list(reader.faults.values()), *hints)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `variables` on top, for a child process that reads its own settings."""
    return dict(os.environ) | dict(variables)


def read_variable(name: str) -> str | None:
    """The value of a variable that an operator named, for example one that holds a secret; None when it is not set.

    Looks where `load_settings` looks: in the environment, then in `.env` in the working directory.
    """
    return os.environ.get(name) or dotenv_values(Path(".env")).get(name) or None


def parse_schedule(text: str) -> tuple[float, ...]:
    """`"5,30,120"` as seconds between tries. Raises `ValueError` with what is wrong."""
    try:
        seconds = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("is not a comma-separated list of seconds, for example 5,30,120") from None
    if len(seconds) > 100:
        raise ValueError("has more than 100 steps")
    if not all(0 <= step <= 30 * 86_400 for step in seconds):
        raise ValueError("has a step outside 0 to 2592000 seconds")
    return seconds


def decode_key(text: str) -> bytes:
    """The `KEY_BYTES` bytes of an encryption key in base64, of either alphabet. Raises `ValueError`."""
    try:
        key = base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & set("-_") else None, validate=True
        )
    except binascii.Error:
        raise ValueError(KEY_FAULT) from None
    if len(key) != KEY_BYTES:
        raise ValueError(KEY_FAULT)
    return key


class _Reader:
    """Applies a parser per variable and remembers every fault."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: dict[str, str] = {}
        self._known: set[str] = set()

    def unknown_variables(self) -> tuple[str, ...]:
        """What is said of variables that begin as ours do, and were not asked for."""
        given = sorted(name for name in self._environ if name.startswith(PREFIX) and name not in self._known)
        return tuple(_unknown(name, self._known) for name in given)

    def get(self, name: str, parse: Callable[[str], T], default: T) -> T:
        self._known.add(name)
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as fault:
            self.faults[name] = f"{name} {fault}"
            return default


def _environment(dotenv_path: Path | None) -> Mapping[str, str]:
    from_file = dotenv_values(dotenv_path or Path(".env"))
    return {key: value for key, value in from_file.items() if value is not None} | dict(os.environ)


def _unknown(name: str, known: set[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f"{name} is no setting and has no effect" + (f": did you mean {near[0]}?" if near else "")


def _database_url(text: str) -> str:
    if text.startswith(("postgres://", "postgresql://")):
        text = "postgresql+psycopg://" + text.split("://", 1)[1]
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    if text in {"sqlite:///", "sqlite:///:memory:"}:
        raise ValueError("must name a file: an in-memory database would lose every event")
    pooler = dict(parse_qsl(urlsplit(text).query, keep_blank_values=True)).get("pooler", "transaction")
    if pooler != "transaction" or (text.startswith("sqlite") and "pooler=" in text):
        raise ValueError("takes pooler=transaction of PostgreSQL, and no other pooler")
    return text


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    for number, key in enumerate(keys, start=1):
        try:
            decode_key(key)
        except ValueError as fault:
            raise ValueError(f"key {number} {fault}") from None
    return keys


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute http or https URL, for example https://hooks.example.com")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must not have a query, a fragment or credentials")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("has a port outside 1 to 65535")
    return text.rstrip("/")


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port[:6]) <= 65_535:
        raise ValueError("must be a host and a port, for example 0.0.0.0:8000")
    return host, int(port)


def _broker_url(text: str) -> str:
    """One address, or several of one kind with semicolons between them. No fault quotes what may be a password."""
    schemes = set()
    for one in text.split(";"):
        parts = urlsplit(one)
        schemes.add(parts.scheme)
        if parts.scheme not in BROKER_SCHEMES:
            raise ValueError(f"must start with {', '.join(f'{scheme}://' for scheme in BROKER_SCHEMES)}")
        if "#" in one:
            raise ValueError("has a # in it: write it as %23")
        if "?" in one:
            # Kombu takes anything there for an option of its own: one of them turns off the verifying of certificates.
            raise ValueError("has options after a ?, and takes none: write a ? of a password as %3F")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0 or not parts.hostname:
            raise ValueError("must name a host, for example amqp://user:password@127.0.0.1/ or redis://127.0.0.1/0")
        if parts.scheme.startswith("redis") and not (parts.path.strip("/") or "0").isdecimal():
            raise ValueError("names a database of Redis that is no number, for example redis://127.0.0.1/0")
    if len(schemes) > 1:
        raise ValueError("names brokers of different kinds")
    return text


def _modules(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"names {name!r}, which is not a module name")
    return names


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError(f"names {text!r}, which is not a directory")
    return path


def _pipe(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_fifo():
        raise ValueError(f"names {text!r}, which is there and is no named pipe")
    return path


def _token(text: str) -> str:
    if len(text) < LEAST_TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"must be at least {LEAST_TOKEN_CHARACTERS} ASCII characters without spaces")
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"is not a whole number: {text!r}") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}, not {number}")
        return number

    return parse


def _boolean(text: str) -> bool:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in words:
        raise ValueError(f"must be true or false, not {text!r}")
    return words[text.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}")
        return text.lower()

    return parse
