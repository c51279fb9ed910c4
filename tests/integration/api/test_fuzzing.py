"""Whatever the document allows or forbids, the API answers as the document says; no operation is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.server.front import Front
from tests.integration.api.conftest import ApiUnderTest
from tests.services.acting import add_tenant
from tests.services.api_fuzzing import STREAM, TENANT, Found, fuzz_in_process, fuzz_server
from tests.services.furnished import furnish
from tests.services.loop_server import loop_server
from tests.services.upload_sink import SINK, upload_sink, write_entry


@pytest.fixture
def key(api: ApiUnderTest, tmp_path: Path) -> Iterator[str]:
    """A key for everything, which is of another tenant than it acts for: nothing that is tried revokes it."""
    with upload_sink() as sink:
        sink.go_on.set()
        write_entry(tmp_path, sink)
        # Nothing listens where samples are sent, and nobody has to wait.
        api.installation.settings = replace(
            api.installation.settings,
            base_url="http://127.0.0.1:9",
            api_requests_per_minute=0,
            providers_dir=tmp_path,
            allow_private_destinations=True,
        )
        add_tenant(api.database, api.clock, TENANT)
        furnish(api.installation, TENANT, TENANT)
        yield api.make_key("fuzz", "operator")


@pytest.fixture
def proxied(api: ApiUnderTest, key: str) -> str:
    """The id of a connection of that tenant, whose provider answers everything."""
    draft = {"provider": SINK, "key": "some-key", "test": False}
    made = api.post("/connections", draft, key=key, headers={"Gateway-Tenant": TENANT})
    return str(made.get_json()["id"])


def require_all(api: ApiUnderTest, found: Found, phases: tuple[str, ...], *besides: str) -> None:
    """Nothing was wrong, and every operation was asked in all phases that are about single operations."""
    assert found.failures == [], "\n\n".join(found.failures[:5])
    paths = api.get("/openapi.json").get_json()["paths"]
    every = {f"{method.upper()} {path}" for path in paths for method in paths[path] if method != "parameters"}
    every -= set(besides)
    for phase in phases:
        assert every - found.operations(phase) == set(), phase
    assert every - found.statuses.keys() == set()


# Thousands of requests; over the wire, and fewer, it is each database's turn.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_answers_are_as_the_document_says(api: ApiUnderTest, key: str, proxied: str) -> None:
    found = fuzz_in_process(api.app, key, examples=3, proxied=proxied)
    require_all(api, found, ("coverage", "fuzzing"), f"GET {STREAM}")
    # Most were carried out, not only refused; and what was made was gone on with.
    assert sum(map(found.is_done, found.statuses)) > 0.8 * len(found.statuses), found.statuses
    assert len(found.operations("stateful")) >= 5


def test_the_server_answers_as_the_document_says(api: ApiUnderTest, key: str, proxied: str) -> None:
    with loop_server(Front(api.app, threads=2)) as server:
        url = f"http://127.0.0.1:{server.port}"
        found = fuzz_server(url, key, examples=1, proxied=proxied, phases=("examples", "fuzzing"))
    require_all(api, found, ("fuzzing",))
