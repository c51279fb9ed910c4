"""`gateway secrets rotate`, as a person types it."""

from __future__ import annotations

import pytest

from gateway.db.database import Database
from gateway.key_rotation.kind import ROTATE
from gateway.security.sealing import Keyring, generate_key
from tests.integration.cli.conftest import CommandLine

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_another_key_seals_everything(cli: CommandLine, database: Database) -> None:
    old, new = cli.environment["GATEWAY_ENCRYPTION_KEYS"], generate_key()
    keys = {"GATEWAY_ENCRYPTION_KEYS": f"{new},{old}"}
    cli("sources", "add", "github", "--provider", "github", "--secret", "s3cret")
    cli("destinations", "add", "app", "http://127.0.0.1:9/")
    [new_id, old_id] = cli.json("secrets", "rotate", "--plan", **keys)["key"], known(cli)
    planned = cli("secrets", "rotate", "--plan", **keys)
    assert f"source_credentials\t{old_id}\t1" in planned.stdout
    assert f"2 values would be sealed anew with key {new_id}" in planned.stderr
    done = cli("secrets", "rotate", **keys)
    assert done.stdout == f"2 values are sealed anew, with key {new_id}.\n"
    assert "gateway secrets rotate --forget" in done.stderr
    assert cli.json("secrets", "rotate", "--plan", **keys)["old"] == {}
    forgotten = cli("secrets", "rotate", "--forget", **keys)
    assert f"Key {old_id} is forgotten" in forgotten.stdout
    [row] = cli.json("secrets", "list", GATEWAY_ENCRYPTION_KEYS=new)["data"]
    assert (row["id"], row["is_here"], row["is_needed"]) == (new_id, True, True)
    assert cli.json("sources", "show", "github", GATEWAY_ENCRYPTION_KEYS=new)["state"] == "enabled"


def test_it_may_be_left_to_a_worker(cli: CommandLine, database: Database) -> None:
    asked = cli.json("secrets", "rotate", "--detach", "--forget")
    job = cli.json("jobs", "show", asked["job"])
    assert (job["kind"], job["state"], job["payload"]["forget"]) == (ROTATE.name, "pending", True)


def known(cli: CommandLine) -> str:
    """The id of the key of the environment."""
    from gateway.config import decode_key

    return Keyring([decode_key(cli.environment["GATEWAY_ENCRYPTION_KEYS"])]).ids[0]
