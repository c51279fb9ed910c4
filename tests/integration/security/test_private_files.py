"""Files for their owner alone: made so whatever the umask, found where they are not, and closed with care."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.db.schema.upgrade import upgrade
from gateway.doctor.check import Level
from gateway.doctor.files import files, own_files
from gateway.installation import Installation
from gateway.security.private_files import close_to_others, find_loose, make_private_file, make_private_folder
from gateway.telemetry.metric_files import clean_metrics_dir, reserve_files


@pytest.fixture(autouse=True)
def _careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """One with everything that it puts on a disk, in a folder that it made."""
    folder = tmp_path / "here" / "instance"
    settings = Settings(database_url=f"sqlite:///{folder}/gateway.db", encryption_key_file=folder / "encryption.key")
    with Installation(settings) as made:
        upgrade(settings.database_url)
        assert made.keyring
        yield made


def modes(root: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}


def levels(installation: Installation) -> list[Level]:
    return [result.level for result in files(installation)]


def test_all_that_an_installation_makes_is_its_owners(installation: Installation, tmp_path: Path) -> None:
    with installation.database.write():
        found = modes(tmp_path)
    assert {name for name in found if name.startswith("gateway.db")} >= {"gateway.db-wal", "gateway.db-shm"}
    assert {found.pop(name) for name in ("here", "instance")} == {0o700}
    assert set(found.values()) == {0o600}
    assert levels(installation) == [Level.OK]


def test_a_folder_of_metrics_is_too(tmp_path: Path) -> None:
    clean_metrics_dir(tmp_path / "metrics")
    reserve_files(tmp_path / "metrics", os.getpid())
    found = modes(tmp_path)
    assert found.pop("metrics") == 0o700
    assert set(found.values()) == {0o600}


def test_what_an_earlier_version_left_open_is_found_and_closed(installation: Installation, tmp_path: Path) -> None:
    database = tmp_path / "here" / "instance" / "gateway.db"
    database.chmod(0o644)
    database.parent.chmod(0o755)
    assert levels(installation) == [Level.WARN, Level.WARN]
    close_to_others(find_loose(own_files(installation)))
    assert levels(installation) == [Level.OK]
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


def test_folders_with_files_of_others_stay_as_they_are(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "here" / "instance"
    (folder / "config.py").touch()
    folder.chmod(0o755)
    close_to_others(find_loose(own_files(installation)))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_what_is_shared_with_a_group_is_left_to_a_person(installation: Installation, tmp_path: Path) -> None:
    database = tmp_path / "here" / "instance" / "gateway.db"
    database.chmod(0o660)
    assert close_to_others(find_loose(own_files(installation))) == []
    [result] = files(installation)
    assert result.level is Level.WARN
    assert f"chmod 600 {database}" in result.detail


def test_a_copy_beside_the_database_is_found(installation: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "here" / "instance" / "gateway-backup.db"
    copy.touch()
    assert [str(copy) in result.detail for result in files(installation)] == [True]


def test_what_is_there_is_not_made_anew(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    there = tmp_path / "there"
    there.write_text("kept")
    make_private_folder(tmp_path)
    make_private_file(there)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert there.read_text() == "kept"
