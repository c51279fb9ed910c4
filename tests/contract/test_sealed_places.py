"""Nothing is sealed that a change of the encryption key would leave behind."""

from __future__ import annotations

import ast

from gateway.db.model import Base
from gateway.factory import create_app
from gateway.key_rotation.places import PLACES
from tests.contract.test_imports import PACKAGE, module_name, tree_of

assert create_app  # importing the factory declares every table

SEALING = {"seal", "seal_value"}
# Whoever seals (a module, or all of a package), and the columns in which that ends. One that is not here is to be
# entered here and in `places`.
SEALERS = {
    "gateway.delivery.destinations.secrets": {"destination_secrets.sealed_value", "destinations.sealed_headers"},
    "gateway.oauth.flows": {"oauth_flows.sealed"},
    "gateway.oauth.vault": {"vault.sealed_value"},
    "gateway.tenants.idempotency.requests": {"idempotent_requests.sealed_answer"},
    "gateway.webhooks.sources.credentials": {"source_credentials.sealed_value"},
    # Inside of requests that are kept, and of what is made of them.
    "gateway.webhooks.secrets_at_rest": {
        "deliveries.payload",
        *(f"{table}.{column}" for table in ("events", "rejections") for column in ("url", "headers", "body")),
    },
}
# The machinery, which keeps nothing.
MACHINERY = {"gateway.security.sealed_text", "gateway.key_rotation.resealing", "gateway.webhooks.own_secrets"}


def places() -> set[str]:
    return {f"{place.name}.{column}" for place in PLACES for column in place.columns}


def sealing_modules() -> set[str]:
    """The modules that call something that seals."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in SEALING:
                found.add(module_name(path))
    return found


def test_whoever_seals_has_its_columns_among_the_places() -> None:
    found = sealing_modules() - MACHINERY
    assert len(found) >= 5
    assert [one for one in found if not any(f"{one}.".startswith(f"{known}.") for known in SEALERS)] == []
    assert {column for columns in SEALERS.values() for column in columns} <= places()


def test_every_column_that_is_named_so_is_among_the_places() -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.startswith("sealed")
    }
    assert len(named) >= 6
    assert named <= places()


def test_every_place_is_there() -> None:
    for place in PLACES:
        assert set(place.columns) <= set(place.model.__table__.columns.keys())
