"""The catalogue: the entries that come with the project, and those of the operator's own directory over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from gateway.errors import Hint, NotFound
from gateway.providers.loader import is_provider_id, load_directory, load_file
from gateway.providers.model import Provider
from gateway.providers.webhook import proof
from gateway.providers.webhook.proof import Carriers
from gateway.suggestions import suggest

BUILT_IN = Path(__file__).parent / "catalogue"


def load_catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """Read all entries from disk; those in `extra_dir` (`GATEWAY_PROVIDERS_DIR`) add to and override ours.

    Raises CatalogueError naming file, key and reason of every fault.
    """
    # What can be wrong comes first: ours takes longer to read than to be told.
    own = load_directory(extra_dir) if extra_dir is not None else {}
    return _joined(load_directory(BUILT_IN), own)


@lru_cache(maxsize=8)
def catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """The same, each directory read once per process."""
    return load_catalogue() if extra_dir is None else _joined(catalogue(), load_directory(extra_dir))


def _joined(built_in: Mapping[str, Provider], own: Mapping[str, Provider]) -> Mapping[str, Provider]:
    return MappingProxyType(dict(sorted({**built_in, **own}.items())))


@lru_cache(maxsize=8)
def proofs(extra_dir: Path | None = None) -> Carriers:
    """Where a request of any provider carries a proof: what is shown to nobody. Raises CatalogueError."""
    return proof.joined(proof.proofs(provider.webhook) for provider in catalogue(extra_dir).values())


@lru_cache(maxsize=8)
def shared_secrets(extra_dir: Path | None = None) -> Carriers:
    """Where a request of any provider carries a shared secret itself: what goes to nobody. Raises CatalogueError."""
    return proof.joined(proof.shared_secrets(provider.webhook) for provider in catalogue(extra_dir).values())


@lru_cache(maxsize=512)
def entry(extra_dir: Path | None, provider_id: str) -> Provider | None:
    """One entry, or None when there is none: for who needs a few and need not wait for all to be read.

    Raises CatalogueError.
    """
    if not is_provider_id(provider_id):
        return None
    for directory in (extra_dir, BUILT_IN):
        path = directory / f"{provider_id}.yaml" if directory is not None else None
        if path is not None and path.exists():
            return load_file(path)
    return None


def search_providers(
    providers: Mapping[str, Provider], *, text: str = "", category: str | None = None
) -> list[Provider]:
    """The entries of `category` (None: any) whose id, name or category contains `text`, in whatever case."""
    wanted = text.lower()
    return [
        one
        for one in providers.values()
        if (category is None or one.category == category) and wanted in f"{one.id} {one.name} {one.category}".lower()
    ]


def find_provider(providers: Mapping[str, Provider], provider_id: str) -> Provider:
    """The entry with this id. Raises `NotFound`, with a suggestion where some are near."""
    provider = providers.get(provider_id)
    if provider is None:
        hint = suggest(provider_id.lower(), providers, Hint("use_generic_provider"), at_most=3)
        raise NotFound(f"the catalogue has no provider {provider_id!r}", hint)
    return provider
