"""The keyring of an installation: from the settings, or from a file that is made at the first run.

Whether one may be made is not known here: a database may need another one. Encryption itself is in `sealing`.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from gateway.config import Settings, decode_key
from gateway.errors import ConfigurationError, Hint
from gateway.security.private_files import FILE_MODE, OTHERS, make_private_folder
from gateway.security.sealing import Keyring, generate_key


def load_keyring(settings: Settings) -> Keyring | None:
    """The keyring of `settings.encryption_keys`, or of `settings.encryption_key_file`; None where there is no file.

    Raises `ConfigurationError` when the file cannot be read, is open to other users, or holds no key.
    """
    if settings.encryption_keys:
        return Keyring([decode_key(key) for key in settings.encryption_keys])
    path = settings.encryption_key_file
    try:
        text = _read(path)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise _unusable(path, fault) from fault
    try:
        return Keyring([decode_key(line) for line in text.split()])
    except ValueError as fault:
        message = f"the encryption key file {path} holds no usable key: a key {fault}"
        raise ConfigurationError([message], Hint("generate_key")) from fault


def make_key_file(path: Path) -> bool:
    """Put a new key at `path`, whole or not at all; False where somebody else had put one there.

    Any number of processes may start at once: all of them end up with one key. Raises `ConfigurationError`.
    """
    try:
        return _create(path)
    except OSError as fault:
        raise _unusable(path, fault) from fault


def _unusable(path: Path, fault: OSError) -> ConfigurationError:
    return ConfigurationError(
        [f"the encryption key file {path} cannot be used: {fault.strerror}; or set GATEWAY_ENCRYPTION_KEYS"]
    )


def _create(path: Path) -> bool:
    make_private_folder(path.parent)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(generate_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears complete and fails if the name is taken, which O_EXCL and a later write would not give:
        # another process could read the file between the two.
        os.link(draft, path)
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    return True


def _sync_directory(directory: Path) -> None:
    # A key that a power cut takes away would leave everything sealed with it lost.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    with path.open(encoding="ascii", errors="replace") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & OTHERS:
            raise ConfigurationError(
                [
                    f"the encryption key file {path} can be read by other users (mode {stat.S_IMODE(mode):04o}): "
                    f"close it with `chmod 600 {path}`, and change the key if others may have seen it"
                ]
            )
        return file.read()
