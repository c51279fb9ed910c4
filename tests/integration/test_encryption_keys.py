"""No machine and no folder seals with a key of its own what the others could not open."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, event, text

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.upgrade import config_on
from gateway.db.sealing_keys import known_keys
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.doctor.check import Level
from gateway.doctor.keys import needed_keys, stored_secrets
from gateway.engines.embedded import run_worker
from gateway.errors import ConfigurationError
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.preflight import look_at_keys
from gateway.security.sealing import Keyring, generate_key
from gateway.tenants.acting import act
from tests.services.acting import TESTER

DRAFT = DestinationDraft(name="app", url="http://127.0.0.1:9/hook")


@pytest.fixture
def here(settings: Settings) -> Iterator[Installation]:
    """A machine that has sealed something."""
    with Installation(settings) as made:
        add(made)
        yield made


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    """Another machine or folder with the same database, and no key file."""
    with Installation(replace(settings, encryption_key_file=tmp_path / "elsewhere" / "encryption.key")) as made:
        yield made


def add(installation: Installation, draft: DestinationDraft = DRAFT) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        add_destination(acting, draft)


def test_the_first_that_seals_makes_the_key_and_says_so(here: Installation) -> None:
    assert stat.S_IMODE(here.settings.encryption_key_file.stat().st_mode) == 0o600
    assert known_keys(here.database) == set(here.keyring.ids)
    assert [one.level for one in needed_keys(here.database, here.keyring)] == [Level.OK]


def test_a_machine_without_the_key_makes_none(here: Installation, elsewhere: Installation) -> None:
    [needed] = here.keyring.ids
    with pytest.raises(ConfigurationError, match=f"sealed with encryption key {needed}, and there is no key here"):
        add(elsewhere, replace(DRAFT, name="other"))
    with pytest.raises(ConfigurationError, match=needed):
        elsewhere.require_configuration()
    assert [type(error) for error in look_at_keys(elsewhere)] == [ConfigurationError]
    assert not elsewhere.settings.encryption_key_file.exists()
    [told] = needed_keys(elsewhere.database, None)
    assert (told.level, needed in told.detail) == (Level.FAIL, True)


def test_a_machine_with_another_key_seals_nothing(here: Installation, settings: Settings) -> None:
    with Installation(replace(settings, encryption_keys=(generate_key(),))) as other:
        [foreign] = other.keyring.ids
        with pytest.raises(ConfigurationError, match=f"the key here is {foreign}"):
            add(other, replace(DRAFT, name="other"))
        with pytest.raises(ConfigurationError, match=foreign):
            run_worker(other)
        assert [type(error) for error in look_at_keys(other)] == [ConfigurationError]
    assert foreign not in known_keys(here.database)


def test_of_two_that_find_no_key_at_once_one_makes_it(settings: Settings, elsewhere: Installation) -> None:
    with Installation(settings) as here:
        # Neither has sealed anything: each has made a key before the other said so.
        assert here.keyring.ids != elsewhere.keyring.ids
        here.claim_keys()
        with pytest.raises(ConfigurationError, match=here.keyring.ids[0]):
            elsewhere.claim_keys()
        assert here.settings.encryption_key_file.exists()
        assert not elsewhere.settings.encryption_key_file.exists()


def test_of_two_processes_of_one_folder_the_later_takes_the_key_of_the_first(settings: Settings) -> None:
    with Installation(settings) as first, Installation(settings) as later:
        quicker = [first]

        def be_quicker(*_arguments: object) -> None:
            """Between the later one's looks for the file and into the database."""
            if quicker:
                quicker.pop().claim_keys()

        event.listen(Connection, "before_cursor_execute", be_quicker)
        try:
            assert later.keyring.ids == first.keyring.ids
        finally:
            event.remove(Connection, "before_cursor_execute", be_quicker)


def test_a_new_key_comes_in_beside_one_that_is_known(here: Installation, settings: Settings) -> None:
    both = f"{generate_key()}", here.settings.encryption_key_file.read_text().strip()
    with Installation(replace(settings, encryption_keys=both)) as rotated:
        rotated.claim_keys()
        assert known_keys(here.database) == set(rotated.keyring.ids)
    # A machine that was not told of it works on, and the doctor says what is missing there.
    here.claim_keys()
    assert [one.level for one in needed_keys(here.database, here.keyring)] == [Level.FAIL]


def test_what_was_not_stored_claims_no_key(settings: Settings) -> None:
    with Installation(settings) as here:
        with suppress(KeyboardInterrupt), act(here, actor=TESTER, write=True) as acting:
            add_destination(acting, DRAFT)
            raise KeyboardInterrupt
        assert known_keys(here.database) == frozenset()


def test_a_database_from_before_tells_its_keys(here: Installation, database: Database) -> None:
    other = Keyring([b"x" * 32])
    with database.write() as connection:
        sealed = other.seal(b"{}", context=())
        connection.execute(text("UPDATE destinations SET sealed_headers = :sealed"), {"sealed": sealed})
        command.downgrade(config_on(connection), "0008")
        command.upgrade(config_on(connection), "head")
    assert known_keys(database) == {*here.keyring.ids, *other.ids}


def test_secrets_in_the_vault_whose_key_is_missing_are_counted(here: Installation) -> None:
    with act(here, actor=TESTER, write=True) as acting:
        for owner_id in ("a", "b"):
            vault.write(
                acting.session,
                acting.keyring,
                tenant_id=acting.tenant.id,
                owner_id=owner_id,
                secrets={"access_token": "x"},
                now=acting.now,
            )
    [told] = stored_secrets(here.database, here.keyring)
    assert (told.level, told.detail) == (Level.OK, "3 open")
    [told] = stored_secrets(here.database, Keyring([bytes(32)]))
    assert told.level is Level.FAIL
    assert told.detail.startswith("3 of 3 do not open")
