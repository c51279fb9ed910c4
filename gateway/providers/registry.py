"""The catalogue: the entries that come with the project, and those of the operator's own directory over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from gateway.errors import Hint, NotFound
from gateway.providers.loader import load_directory
from gateway.providers.model import Provider
from gateway.suggestions import suggest

BUILT_IN = Path(__file__).parent / "catalogue"


def load_catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """Read all entries from disk; those in `extra_dir` (`GATEWAY_PROVIDERS_DIR`) add to and override ours.

    Raises CatalogueError naming file, key and reason of every fault.
    """
    providers = load_directory(BUILT_IN)
    if extra_dir is not None:
        providers |= load_directory(extra_dir)
    return MappingProxyType(dict(sorted(providers.items())))


@lru_cache(maxsize=8)
def catalogue(extra_dir: Path | None = None) -> Mapping[str, Provider]:
    """The same, read once per process and directory."""
    return load_catalogue(extra_dir)


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
