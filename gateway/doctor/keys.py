"""Encryption keys: whether they are kept well, and whether they open what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import LargeBinary, func, select

from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.db.sealing_keys import known_keys
from gateway.delivery.destinations.secrets import open_secret
from gateway.delivery.models import DestinationSecret
from gateway.doctor.check import CheckResult, Level
from gateway.errors import ConfigurationError, DecryptionFailed, Hint
from gateway.installation import Installation
from gateway.oauth.models import VaultEntry
from gateway.security.sealing import KEY_ID_BYTES, VERSION, Keyring
from gateway.webhooks.sources.credentials import open_credential
from gateway.webhooks.sources.models import SourceCredential


def encryption_key(installation: Installation) -> tuple[Keyring | None, CheckResult]:
    """The keyring, and whether the key is kept well. A key file that is not there is not made."""
    settings = installation.settings
    path = settings.encryption_key_file
    try:
        keyring = installation.keyring_at_hand
    except ConfigurationError as error:
        return None, CheckResult("encryption key", Level.FAIL, "; ".join(error.faults))
    if keyring is None:
        detail = f"none here yet: the first of a database is made in {path.absolute()}; keep a copy of it"
        return None, CheckResult("encryption key", Level.WARN, detail)
    where = "GATEWAY_ENCRYPTION_KEYS" if settings.encryption_keys else f"{path.absolute()}, readable by its owner only"
    return keyring, CheckResult("encryption key", Level.OK, f"{' and '.join(keyring.ids)}, in {where}")


def needed_keys(database: Database, keyring: Keyring | None) -> Iterator[CheckResult]:
    """Whether the keys are here that values in the database are sealed with, by their ids."""
    known, held = known_keys(database), frozenset(keyring.ids) if keyring is not None else frozenset()
    for key_id in sorted(known - held):
        detail = f"values are sealed with key {key_id}, which is not here"
        yield CheckResult("needed keys", Level.FAIL, detail, Hint("bring_back_key", {"ids": [key_id]}))
    if known <= held:
        yield CheckResult("needed keys", Level.OK, " and ".join(sorted(known)) or "none: nothing is sealed yet")


def stored_secrets(database: Database, keyring: Keyring | None) -> Iterator[CheckResult]:
    """Whether every stored secret opens; `keyring` is None when there is no key at hand."""
    with database.system_session() as session:
        credentials = session.scalars(select(SourceCredential)).all()
        secrets = session.scalars(select(DestinationSecret)).all()
        in_vault = _in_vault(session)
    total = len(credentials) + len(secrets) + sum(in_vault.values())
    if keyring is None:
        if total:
            detail = f"{total} are stored and there is no key to open them: bring back the key file or the variable"
            yield CheckResult("stored secrets", Level.FAIL, detail)
        return
    failures = []
    for credential in credentials:
        try:
            open_credential(keyring, credential)
        except DecryptionFailed as error:
            failures.append(str(error))
    for secret in secrets:
        try:
            open_secret(keyring, secret)
        except DecryptionFailed as error:
            failures.append(str(error))
    for key_id, count in in_vault.items():
        if key_id not in keyring.ids:
            failures += [f"in the vault {count} are sealed with key {key_id}, which is not here"] * count
    if failures:
        yield CheckResult("stored secrets", Level.FAIL, f"{len(failures)} of {total} do not open: {failures[0]}")
    else:
        yield CheckResult("stored secrets", Level.OK, f"{total} open")


def _in_vault(session: SystemSession) -> Mapping[str, int]:
    """How many secrets of apps and connections are sealed with which key. They are many: they are not opened."""
    named = func.substr(VaultEntry.sealed_value, len(VERSION) + 1, KEY_ID_BYTES, type_=LargeBinary)
    return {bytes(key).hex(): count for key, count in session.execute(select(named, func.count()).group_by(named))}
