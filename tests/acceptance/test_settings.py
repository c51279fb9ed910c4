"""What stops a start, and what a setting changes, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import PostgresTemplate
from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, signed
from tests.services.postgres import create_database, drop_database


@pytest.mark.postgres
def test_a_server_refuses_a_database_that_is_behind(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    template: PostgresTemplate = request.getfixturevalue("_postgres_template")
    server, name = template.server, f"gateway_behind_{tmp_path.stat().st_ino}"
    url = create_database(server, name)
    try:
        with Installation(tmp_path / "installation", url) as installation:
            assert "gateway db upgrade" in installation.gateway("sources", "list", code=4)
            for arguments in (["run", "--port", str(installation.port)], ["worker"]):
                assert "gateway db upgrade" in installation.gateway_process(*arguments, code=4)
            installation.gateway("db", "upgrade")
            installation.run("--workers", "1")
    finally:
        drop_database(server, name)


def test_every_fault_of_the_settings_is_named(tmp_path: Path) -> None:
    faults = {
        "GATEWAY_DATABASE_URL": "mysql://localhost/gateway",
        "GATEWAY_ENCRYPTION_KEYS": "short",
        "GATEWAY_TRUSTED_PROXIES": "many",
        "GATEWAY_MAX_BODY_BYTES": "0",
        "GATEWAY_DELIVERY_SCHEDULE": "soon",
        "GATEWAY_HANDLERS": "not a module",
        "GATEWAY_LOG_FORMAT": "xml",
    }
    with Installation(tmp_path / "installation", **faults) as installation:
        for command in (["run"], ["worker"], ["events", "list"]):
            said = installation.gateway_process(*command, code=2)
            assert [name for name in faults if name not in said] == []
            assert "Traceback" not in said


@pytest.mark.parametrize(
    ("hops", "statuses"),
    [
        ("0", {"203.0.113.7": 403}),
        ("1", {"203.0.113.7": 200, "203.0.113.7, 198.51.100.1": 403}),
        ("2", {"203.0.113.7, 198.51.100.1": 200, "203.0.113.7": 403, "203.0.113.7, 198.51.100.1, 192.0.2.1": 403}),
    ],
)
def test_forwarded_addresses_count_as_far_as_proxies_are_trusted(
    tmp_path: Path, hops: str, statuses: Mapping[str, int]
) -> None:
    with Installation(tmp_path / "installation", GATEWAY_TRUSTED_PROXIES=hops) as installation:
        installation.gateway("db", "upgrade")
        installation.apply(sources=[SOURCE | {"allowed_ips": ["203.0.113.0/24"]}])
        installation.web("--workers", "1")
        for number, (forwarded, status) in enumerate(statuses.items()):
            given = {"X-Forwarded-For": forwarded, "X-Request-Id": "from-the-proxy"}
            headers = signed(b"{}", f"d-{number}") | given
            answer = installation.request("POST", "/webhooks/github", b"{}", headers)
            assert (forwarded, answer.status) == (forwarded, status)
            if status == 403:
                assert answer.json()["error"]["code"] == "ip_not_allowed"
            assert (answer.headers["x-request-id"] == "from-the-proxy") == (hops != "0")
