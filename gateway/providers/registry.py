"""The catalogue: the entries that come with the project, and those of the operator's own directory over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.errors import Hint, NotFound
from gateway.providers.compiled import Catalogue, compiled
from gateway.providers.model import Provider
from gateway.providers.webhook import proof
from gateway.providers.webhook.proof import Carriers
from gateway.suggestions import suggest

if TYPE_CHECKING:
    from gateway.providers import loader
else:
    # Our own entries are seldom read from their files.
    loader = deferred("gateway.providers.loader")

BUILT_IN = Path(__file__).parent / "catalogue"


def load_catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """Read all entries from disk; those in `extra_dir` (`GATEWAY_PROVIDERS_DIR`) add to and override ours.

    Raises CatalogueError naming file, key and reason of every fault.
    """
    # What can be wrong comes first: ours takes longer to read than to be told.
    own = loader.load_directory(extra_dir) if extra_dir is not None else {}
    return _joined(loader.load_directory(BUILT_IN), own)


@lru_cache(maxsize=8)
def catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """The same, each directory read once per process, and ours in its compiled form."""
    return _built_in() if extra_dir is None else _joined(catalogue(), loader.load_directory(extra_dir))


@lru_cache(maxsize=1)
def _built_in() -> Catalogue:
    return compiled(BUILT_IN, load_catalogue)


def _joined(built_in: Mapping[str, Provider], own: Mapping[str, Provider]) -> Mapping[str, Provider]:
    return MappingProxyType(dict(sorted({**built_in, **own}.items())))


@lru_cache(maxsize=8)
def proofs(extra_dir: Path | None = None) -> Carriers:
    """Where a request of any provider carries a proof: what is shown to nobody. Raises CatalogueError."""
    if extra_dir is None:
        return _built_in().proofs
    return proof.joined(proof.proofs(provider.webhook) for provider in catalogue(extra_dir).values())


@lru_cache(maxsize=8)
def shared_secrets(extra_dir: Path | None = None) -> Carriers:
    """Where a request of any provider carries a shared secret itself: what goes to nobody. Raises CatalogueError."""
    if extra_dir is None:
        return _built_in().shared_secrets
    return proof.joined(proof.shared_secrets(provider.webhook) for provider in catalogue(extra_dir).values())


@lru_cache(maxsize=512)
def entry(extra_dir: Path | None, provider_id: str) -> Provider | None:
    """One entry, or None when there is none: for who needs a few and need not wait for all to be read.

    Raises CatalogueError.
    """
    if extra_dir is not None and loader.is_provider_id(provider_id):
        path = extra_dir / f"{provider_id}.yaml"
        if path.exists():
            return loader.load_file(path)
    return catalogue().get(provider_id)


def search_providers(
    providers: Mapping[str, Provider], *, text: str = "", category: str | None = None
) -> list[Provider]:
    """The entries of `category` (None: any) whose ids, name or category contain `text`, in whatever case."""
    wanted = text.lower()
    return [
        one
        for one in providers.values()
        if (category is None or one.category == category)
        and wanted in " ".join((one.id, one.name, one.category, *_also(one))).lower()
    ]


def find_provider(providers: Mapping[str, Provider], provider_id: str) -> Provider:
    """The entry with this id. Raises `NotFound`, with a suggestion where some are near."""
    provider = providers.get(provider_id)
    if provider is None:
        hint = suggest(provider_id.lower(), providers, Hint("use_generic_provider"), at_most=3)
        raise NotFound(f"the catalogue has no provider {provider_id!r}", hint)
    return provider


def find_by_any_name(providers: Mapping[str, Provider], name: str) -> Provider:
    """The entry with this id, or with this as another name of it. Raises `NotFound`, as `find_provider` does."""
    for one in () if name in providers else providers.values():
        if name in _also(one):
            return one
    return find_provider(providers, name)


def _also(provider: Provider) -> tuple[str, ...]:
    return provider.oauth.also if provider.oauth is not None else ()
