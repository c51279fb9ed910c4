"""The pages of docs/providers, one per entry of the catalogue, and their index.

`python -m gateway.cli.provider_pages docs/providers` writes them.

The pages are checked in; a test holds them to the catalogue. Markdown is all that is decided here: what is said is
`description`'s matter.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from gateway.cli.terminal.entry_words import say
from gateway.providers.model import Provider
from gateway.providers.prose.description import describe
from gateway.providers.prose.words import EVIDENCE, method_words
from gateway.providers.registry import load_catalogue

INDEX = "README.md"
FOLDER = "docs/providers"


def page(provider: Provider) -> str:
    """The Markdown page of one provider."""
    lines = [
        f"# {provider.name}",
        "",
        f"`{provider.id}` · {provider.category} · evidence: {provider.evidence.level}",
        "",
        f"Made from `gateway/providers/catalogue/{provider.origin}` by "
        f"`python -m gateway.cli.provider_pages {FOLDER}`: change the entry, not this page.",
    ]
    for section in describe(provider, say):
        lines += ["", f"## {section.title}", "", *(f"- {_escaped(line)}" for line in section.lines)]
    return "\n".join(lines) + "\n"


def index(providers: Mapping[str, Provider]) -> str:
    """The list of all providers by category."""
    lines = [
        "# Providers",
        "",
        f"{len(providers)} entries. `gateway providers list --search TEXT` finds one, `gateway providers show ID` says",
        "the same as its page. A sender that is not here: `generic` for any HMAC over the body, or",
        "[an entry of your own](../ADDING_A_PROVIDER.md).",
        "",
        "Evidence says how an entry's signature scheme was checked; where none is known, its API, or its OAuth:",
        "",
        *(f"- `{level}`: {meaning}." for level, meaning in EVIDENCE.items()),
    ]
    ordered = sorted(providers.values(), key=lambda provider: (provider.category, provider.name.lower()))
    for category, members in groupby(ordered, key=lambda provider: provider.category):
        lines += ["", f"## {category}", ""]
        lines += [
            "| provider | id | webhooks verified by | accounts by | API: lists | evidence |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for provider in members:
            methods = (
                "; ".join(dict.fromkeys(method_words(scheme) for scheme in provider.webhook.schemes)) or "none known"
            )
            connected = provider.oauth.kind if provider.oauth is not None else ""
            lists = ", ".join(provider.api.resources) if provider.api is not None else ""
            lines.append(
                f"| [{_escaped(provider.name)}]({provider.id}.md) | `{provider.id}` | {_escaped(methods)} "
                f"| {connected} | {_escaped(lists)} | {provider.evidence.level} |"
            )
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Every page by its file's name, from the entries that come with the project."""
    providers = load_catalogue()
    return {INDEX: index(providers)} | {f"{name}.md": page(provider) for name, provider in providers.items()}


def write(directory: Path) -> int:
    """Write all pages into `directory`, and remove those of providers that are gone. How many there are."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in directory.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")
    return len(wanted)


def _escaped(text: str) -> str:
    """Text in which Markdown outside of code takes nothing for markup."""
    parts = text.split("`")
    for position in range(0, len(parts), 2):
        for character in "*_<>|[]":
            parts[position] = parts[position].replace(character, f"\\{character}")
    return "`".join(parts)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python -m gateway.cli.provider_pages {FOLDER}")
    print(f"{write(Path(sys.argv[1]))} pages")
