"""The entries that come with the project, read once: a file beside Python's own compiled modules, and as trusted.

It says what the YAML files say, which alone are the source, and is good for exactly these files and the code that reads
them: a digest of both stands in it, and any other one means reading the YAML again. Entries are made of it one by one,
when they are asked for, because a process needs a few of them or none, and until then are bytes; so are sections that
fewer still need. What is derived from all stands in it too.

The first process that may write there does so, as Python does with modules.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import marshal
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.providers import model
from gateway.providers.api import model as api
from gateway.providers.later import Later
from gateway.providers.model import Provider
from gateway.providers.webhook import model as webhook
from gateway.providers.webhook import parts, places, proof
from gateway.providers.webhook.proof import Carriers

CODE = Path(__file__).parent

Classes = Mapping[str, type[Any]]


def _classes(*modules: ModuleType) -> Classes:
    """By their names: where a class stands here, `marshal` has a tuple that begins with its name."""
    return {
        one.__name__: one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and dataclasses.is_dataclass(one) and one.__module__ == module.__name__
    }


_ENTRY = _classes(model, api, webhook, parts, places, proof)
_TUPLE = ""
_LATER = "later"


@cache
def _section() -> Classes:
    """The classes of what is made later; their modules are imported by whoever asks for the first of it."""
    names = ("model", "parts")
    return _classes(*(import_module(f"gateway.providers.oauth.{name}") for name in names))


class Catalogue(Mapping[str, Provider]):
    """Providers by their ids, each made when it is first asked for, and then always the same object."""

    def __init__(self, entries: Mapping[str, bytes], proofs: Carriers, shared_secrets: Carriers) -> None:
        self._entries = entries
        self._made: dict[str, Provider] = {}
        self.proofs = proofs
        self.shared_secrets = shared_secrets

    def __getitem__(self, provider_id: str) -> Provider:
        found = self._made.get(provider_id)
        # Of two threads that make it at once, one's is kept: entries compare by identity.
        return found or self._made.setdefault(provider_id, decode(self._entries[provider_id]))

    def __contains__(self, provider_id: object) -> bool:
        return provider_id in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def compiled(directory: Path, parse: Callable[[], Mapping[str, Provider]], *, at: Path | None = None) -> Catalogue:
    """The entries of `directory`: from the file at `at` where it is good for them, else `parse`d, and written there."""
    at = at or _place()
    digest = fingerprint(directory)
    with suppress(OSError, ValueError, EOFError, TypeError):
        found = marshal.loads(at.read_bytes())  # noqa: S302 (who can write it can write the modules beside it)
        if found[0] == digest:
            return _catalogue(found[1])
    data = _data(parse())
    if not sys.dont_write_bytecode:
        _write(at, marshal.dumps((digest, data)))
    return _catalogue(data)


def fingerprint(directory: Path) -> str:
    """A digest of the entries in `directory` and of the code that reads them."""
    digest = hashlib.sha256()
    read = [*sorted(directory.glob("*.yaml")), *sorted(CODE.rglob("*.py")), CODE.parent / "strict_yaml.py"]
    for path in read:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def encode(value: Any) -> bytes:
    """`value` of the catalogue's model as what a file holds."""
    return marshal.dumps(_encoded(value, _ENTRY))


def decode(content: bytes) -> Any:
    """What `encode` was given."""
    return _decoded(marshal.loads(content), _ENTRY)  # noqa: S302 (as above)


def _encoded(value: Any, classes: Classes) -> Any:
    if isinstance(value, Later):
        return (_LATER, marshal.dumps(_encoded(value.get(), _section())))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        return (name, *(_encoded(getattr(value, field.name), classes) for field in dataclasses.fields(classes[name])))
    if isinstance(value, tuple):
        return (_TUPLE, *(_encoded(one, classes) for one in value))
    if isinstance(value, list):
        return [_encoded(one, classes) for one in value]
    if isinstance(value, Mapping):
        return {key: _encoded(one, classes) for key, one in value.items()}
    return value


def _decoded(value: Any, classes: Classes) -> Any:
    kind = type(value)
    if kind is tuple:
        if value[0] == _LATER:
            return Later(lambda: _decoded(marshal.loads(value[1]), _section()))  # noqa: S302 (as above)
        made = [_decoded(one, classes) for one in value[1:]]
        return classes[value[0]](*made) if value[0] else tuple(made)
    if kind is list:
        return [_decoded(one, classes) for one in value]
    if kind is dict:
        return {key: _decoded(one, classes) for key, one in value.items()}
    return value


def _data(providers: Mapping[str, Provider]) -> tuple[dict[str, bytes], bytes, bytes]:
    return (
        {name: encode(one) for name, one in providers.items()},
        encode(proof.joined(proof.proofs(one.webhook) for one in providers.values())),
        encode(proof.joined(proof.shared_secrets(one.webhook) for one in providers.values())),
    )


def _catalogue(data: tuple[dict[str, bytes], bytes, bytes]) -> Catalogue:
    entries, proofs, shared_secrets = data
    return Catalogue(entries, decode(proofs), decode(shared_secrets))


def _place() -> Path:
    """Beside this module's own compiled form, wherever Python keeps that, and for this version of Python alone."""
    return Path(importlib.util.cache_from_source(str(CODE / "catalogue.py"))).with_suffix(".marshal")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; not where nobody may write, as with Python's own."""
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        made.write_bytes(content)
        made.replace(path)
    except OSError:
        with suppress(OSError):
            made.unlink(missing_ok=True)
