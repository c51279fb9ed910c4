"""The key file: made once whoever races, private, and refused when it is not."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.errors import ConfigurationError
from gateway.security.keyfile import load_keyring, make_key_file
from gateway.security.sealing import Keyring, generate_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "instance" / "encryption.key"


def keyring_in(path: Path) -> Keyring:
    found = load_keyring(Settings(encryption_key_file=path))
    assert found is not None
    return found


def test_none_is_made_unasked(path: Path) -> None:
    assert load_keyring(Settings(encryption_key_file=path)) is None
    assert not path.exists()


def test_a_file_is_made_private_and_once(path: Path) -> None:
    assert [make_key_file(path), make_key_file(path)] == [True, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_second_run_uses_the_same_key(path: Path) -> None:
    make_key_file(path)
    sealed = keyring_in(path).seal(b"x", context=())
    assert keyring_in(path).open(sealed, context=()) == b"x"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o604])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    settings = Settings(encryption_key_file=path)
    make_key_file(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_keyring(settings)


@pytest.mark.parametrize("content", ["", "not a key\n", "\x00\xff"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="holds no usable key"):
        load_keyring(Settings(encryption_key_file=path))


def test_a_place_that_cannot_be_written_is_a_configuration_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="GATEWAY_ENCRYPTION_KEYS"):
        make_key_file(tmp_path / "file" / "key")


def test_keys_of_the_settings_win_and_make_no_file(path: Path) -> None:
    first, second = generate_key(), generate_key()
    settings = Settings(encryption_keys=(first, second), encryption_key_file=path)
    keyring, older = load_keyring(settings), load_keyring(replace(settings, encryption_keys=(second,)))
    assert keyring is not None
    assert older is not None
    assert keyring.open(older.seal(b"x", context=()), context=()) == b"x"
    assert keyring.ids[1:] == older.ids
    assert not path.exists()


def test_a_file_may_hold_older_keys_below_the_first(path: Path) -> None:
    make_key_file(path)
    sealed = keyring_in(path).seal(b"x", context=())
    path.write_text(f"{generate_key()}\n{path.read_text()}")
    keyring = keyring_in(path)
    assert keyring.open(sealed, context=()) == b"x"
    assert not keyring.is_current(sealed)
