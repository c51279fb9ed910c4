"""Settings: defaults, every fault named, `.env`, and no secret in a repr."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Settings, child_environment, decode_key, load_settings, parse_schedule
from gateway.errors import ConfigurationError
from tests.services.for_each import for_each_row

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()


def test_blank_variables_count_as_unset() -> None:
    assert load_settings({"GATEWAY_RETENTION_DAYS": "  ", "GATEWAY_DATABASE_URL": ""}) == Settings()


def test_every_variable_is_read(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "GATEWAY_DATABASE_URL": "postgres://u:p@db/gateway",
            "GATEWAY_ENCRYPTION_KEYS": f"{KEY}, {KEY}",
            "GATEWAY_BASE_URL": "https://hooks.example.com/",
            "GATEWAY_TRUSTED_PROXIES": "2",
            "GATEWAY_HANDLERS": "shop.handlers,crm",
            "GATEWAY_PROVIDERS_DIR": str(tmp_path),
            "GATEWAY_MAX_BODY_BYTES": "1024",
            "GATEWAY_DELIVERY_SCHEDULE": "1,2.5",
            "GATEWAY_RETENTION_DAYS": "7",
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "Yes",
            "GATEWAY_LOG_FORMAT": "JSON",
            "GATEWAY_LOG_LEVEL": "debug",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        }
    )
    assert settings == Settings(
        database_url="postgresql+psycopg://u:p@db/gateway",
        encryption_keys=(KEY, KEY),
        base_url="https://hooks.example.com",
        trusted_proxies=2,
        handlers=("shop.handlers", "crm"),
        providers_dir=tmp_path,
        max_body_bytes=1024,
        delivery_schedule_seconds=(1.0, 2.5),
        retention_days=7,
        allow_private_destinations=True,
        log_format="json",
        log_level="debug",
        metrics_dir=tmp_path,
    )


@for_each_row(
    ("name", "value", "complaint"),
    [
        ("GATEWAY_DATABASE_URL", "mysql://h/d", "must start with sqlite:///"),
        ("GATEWAY_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
        ("GATEWAY_ENCRYPTION_KEYS", "short", "key 1 is not 32 bytes"),
        ("GATEWAY_ENCRYPTION_KEYS", f"{KEY},{KEY[:-4]}!!!=", "key 2 is not 32 bytes"),
        ("GATEWAY_ENCRYPTION_KEYS", f"{KEY[:20]} ***{KEY[20:]}", "key 1 is not 32 bytes"),
        ("GATEWAY_BASE_URL", "hooks.example.com", "must be an absolute http or https URL"),
        ("GATEWAY_BASE_URL", "https://:x@h", "must not have a query, a fragment or credentials"),
        ("GATEWAY_BASE_URL", "https://h:99999", "has a port outside 1 to 65535"),
        ("GATEWAY_BASE_URL", "https://[::1", "Invalid IPv6 URL"),
        ("GATEWAY_METRICS_TOKEN", "short", "must be at least 16 ASCII characters"),
        ("GATEWAY_METRICS_TOKEN", "with spaces between its words", "must be at least 16 ASCII characters"),
        ("GATEWAY_MAX_CONNECTIONS", "0", "must be from 16 to 60000"),
        ("GATEWAY_TRUSTED_PROXIES", "-1", "must be from 0 to 10"),
        ("GATEWAY_BROKER_URL", "sqs://h", "must start with amqp://, amqps://, redis://, rediss://"),
        ("GATEWAY_BROKER_URL", "amqp://", "must name a host"),
        ("GATEWAY_BROKER_URL", "amqp://h:0/", "must name a host"),
        ("GATEWAY_BROKER_URL", "amqp://u:a#b@h/", "write it as %23"),
        ("GATEWAY_BROKER_URL", "redis://h/events", "names a database of Redis that is no number"),
        ("GATEWAY_BROKER_URL", "redis://h/0;amqp://h/", "names brokers of different kinds"),
        ("GATEWAY_SWEEP_SECONDS", "0", "must be from 1 to 60"),
        ("GATEWAY_SWEEP_SECONDS", "61", "must be from 1 to 60"),
        ("GATEWAY_BROKER_URL", "amqp://h/?heartbeat=abc", "has options after a ?"),
        ("GATEWAY_BROKER_URL", "rediss://h/0?ssl_cert_reqs=none", "has options after a ?"),
        ("GATEWAY_BROKER_URL", "redis://h/0;redis://i/0?db=x", "has options after a ?"),
        ("GATEWAY_HANDLERS", "a-b", "is not a module name"),
        ("GATEWAY_PROVIDERS_DIR", "/does/not/exist", "is not a directory"),
        ("GATEWAY_MAX_BODY_BYTES", "5MB", "is not a whole number"),
        ("GATEWAY_DELIVERY_SCHEDULE", "5;30", "is not a comma-separated list of seconds"),
        ("GATEWAY_RETENTION_DAYS", "0", "must be from 1"),
        ("GATEWAY_ALLOW_PRIVATE_DESTINATIONS", "maybe", "must be true or false"),
        ("GATEWAY_LOG_FORMAT", "xml", "must be one of text, json"),
        ("GATEWAY_LOG_LEVEL", "loud", "must be one of debug"),
    ],
)
def test_a_fault_names_its_variable(name: str, value: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({name: value})
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(name + " ")
    assert complaint in caught.value.faults[0]


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"GATEWAY_RETENTION_DAYS": "x", "GATEWAY_LOG_LEVEL": "x", "GATEWAY_BASE_URL": "x"})
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "GATEWAY_BASE_URL",
        "GATEWAY_RETENTION_DAYS",
        "GATEWAY_LOG_LEVEL",
    ]


def test_faults_do_not_quote_keys() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"GATEWAY_ENCRYPTION_KEYS": "almost-a-secret"})
    assert "almost-a-secret" not in str(caught.value)


def test_the_repr_shows_no_secret() -> None:
    settings = Settings(
        encryption_keys=(KEY,), broker_url="amqp://u:hidden@h", database_url="postgresql+psycopg://u:hidden@h/d"
    )
    assert KEY not in repr(settings)
    assert "hidden" not in repr(settings)


def test_a_dotenv_file_fills_in_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("GATEWAY_RETENTION_DAYS=3\nGATEWAY_TRUSTED_PROXIES=1\n")
    monkeypatch.setenv("GATEWAY_RETENTION_DAYS", "9")
    monkeypatch.delenv("GATEWAY_TRUSTED_PROXIES", raising=False)
    settings = load_settings(dotenv_path=dotenv)
    assert (settings.retention_days, settings.trusted_proxies) == (9, 1)


def test_other_defaults_lose_to_what_is_set(tmp_path: Path) -> None:
    defaults = replace(
        Settings(),
        allow_private_destinations=True,
        encryption_key_file=tmp_path / "key",
        delivery_schedule_seconds=(1.0, 2.0),
    )
    assert load_settings({}, defaults=defaults) == defaults
    assert not load_settings(
        {"GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "false"}, defaults=defaults
    ).allow_private_destinations


def test_a_childs_environment_is_ours_with_its_own_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_RETENTION_DAYS", "9")
    environment = child_environment({"PROMETHEUS_MULTIPROC_DIR": "/m"})
    assert environment["GATEWAY_RETENTION_DAYS"] == "9"
    assert environment["PROMETHEUS_MULTIPROC_DIR"] == "/m"


@pytest.mark.parametrize("text", ["", "5,,6", "nan", "-1", "2592001", ",".join(["1"] * 101)])
def test_a_schedule_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is not|has)"):
        parse_schedule(text)


def test_keys_are_read_in_both_base64_alphabets() -> None:
    key = b"\xfb\xff" * 16
    assert decode_key(base64.b64encode(key).decode()) == key
    assert decode_key(base64.urlsafe_b64encode(key).decode().rstrip("=")) == key


def test_the_budget_of_requests_has_room_for_two_of_the_largest_bodies() -> None:
    assert load_settings({}).requests_bytes == 64 * 1024 * 1024
    assert load_settings({"GATEWAY_MAX_BODY_BYTES": "100000000"}).requests_bytes == 200_000_000
    given = load_settings({"GATEWAY_MAX_BODY_BYTES": "1000000", "GATEWAY_REQUEST_BUDGET_BYTES": "2000000"})
    assert given.requests_bytes == 2_000_000
    with pytest.raises(ConfigurationError) as error:
        load_settings({"GATEWAY_MAX_BODY_BYTES": "1000000", "GATEWAY_REQUEST_BUDGET_BYTES": "1999999"})
    assert len(error.value.faults) == 1
    assert "at least twice GATEWAY_MAX_BODY_BYTES" in error.value.faults[0]


def test_variables_that_are_called_like_ours_and_are_none_are_named() -> None:
    found = load_settings({"GATEWAY_RETENTON_DAYS": "3", "GATEWAY_PORT": "1", "GATEWAYS": "x"}).unknown_variables
    assert found == (
        "GATEWAY_PORT is no setting and has no effect",
        "GATEWAY_RETENTON_DAYS is no setting and has no effect: did you mean GATEWAY_RETENTION_DAYS?",
    )
