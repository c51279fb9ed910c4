"""`gateway providers`: who calls, can be connected and called, and how; and checking one's own entry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.entry_words import add_command, say
from gateway.cli.terminal.failures import FAILED, fail
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import as_data, note, print_json, print_table, printable
from gateway.providers import Provider, find_by_any_name, load_file, search_providers
from gateway.providers.prose.description import Section, describe
from gateway.providers.prose.summary import ProviderSchema, summary
from gateway.providers.prose.words import method_words
from gateway.webhooks.verification.vectors import VectorResult, run_vectors

WIDTH = 100


@click.group()
@common_options
def providers() -> None:
    """Who can call, be connected and be called, and how to set them up."""


@providers.command("list")
@click.option("--search", metavar="TEXT", help="Only those whose ids, name or category contain TEXT.")
@click.option("--category", help="Only those of this category, such as payments.")
@with_invocation
def list_(invocation: Invocation, search: str | None, category: str | None) -> None:
    """List providers: ours, and those of GATEWAY_PROVIDERS_DIR."""
    catalogue = invocation.installation.catalogue
    found = search_providers(catalogue, text=search or "", category=category)
    if invocation.as_json:
        print_json({"data": ProviderSchema(many=True).dump(map(summary, found))})
        return
    if not found:
        categories = sorted({provider.category for provider in catalogue.values()})
        note(f"No provider matches; categories are {', '.join(categories)}. For any other sender there is `generic`.")
    rows = [
        (one.id, one.name, one.category, _methods(one), _lists(one), _kind(one), one.evidence.level, _origin(one))
        for one in found
    ]
    print_table(
        ("provider", "name", "category", "method", "api", "oauth", "evidence", "from"), rows, now=invocation.now()
    )


@providers.command()
@click.argument("provider_id", metavar="ID")
@with_invocation
def show(invocation: Invocation, provider_id: str) -> None:
    """Show a provider: how to set it up, what is verified, how accounts are connected, its API, evidence and quirks."""
    provider = find_by_any_name(invocation.installation.catalogue, provider_id)
    sections = describe(provider, say)
    if invocation.as_json:
        shown = ProviderSchema().dump(summary(provider))
        add = add_command(provider) if provider.sends_webhooks else None
        print_json(shown | {"add": add, "sections": as_data(sections)})
        return
    click.echo(printable(f"{provider.name} ({provider.id}), {provider.category}"))
    for section in sections:
        _print_section(section)


@providers.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--vectors", type=click.Path(path_type=Path), metavar="FILE", help="Signed requests to judge, one JSON a line."
)
@with_invocation
def check(invocation: Invocation, file: Path, vectors: Path | None) -> None:
    """Check an entry of your own, and judge signed requests with it.

    Exits with 2 when the file is wrong, with 1 when a request is not judged as its vector expects.
    """
    provider = load_file(file)
    results = run_vectors(provider, _read(vectors)) if vectors is not None else []
    failed = [result for result in results if result.fault is not None]
    if invocation.as_json:
        print_json({"provider": provider.id, "valid": True, "vectors": len(results), "failed": as_data(failed)})
    else:
        _report(provider, results, has_vectors=vectors is not None)
    if failed:
        raise click.exceptions.Exit(FAILED)


def _report(provider: Provider, results: Sequence[VectorResult], *, has_vectors: bool) -> None:
    parts = [f"{scheme.id} ({method_words(scheme)})" for scheme in provider.webhook.schemes]
    if provider.api is not None:
        parts.append(f"an API with the lists {', '.join(provider.api.resources) or 'none'}")
    if provider.oauth is not None:
        parts.append(f"accounts by {provider.oauth.kind} ({', '.join(provider.oauth.grants)})")
    click.echo(printable(f"{provider.origin}: a valid entry for {provider.name} ({provider.id}): {', '.join(parts)}."))
    for result in results:
        if result.fault is not None:
            click.echo(printable(f"  {result.id}: {result.fault}"))
    if results:
        good = sum(result.fault is None for result in results)
        click.echo(f"{good} of {len(results)} vectors are judged as they expect.")
    elif has_vectors:
        click.echo(f"There is no vector for {provider.id} in the file.")
    elif provider.sends_webhooks:
        note("Prove it with signed requests: --vectors FILE (docs/ADDING_A_PROVIDER.md shows one).")
    note("To use it: put the file into the directory that GATEWAY_PROVIDERS_DIR names, and start the gateway anew.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read: {error}")


def _methods(provider: Provider) -> str:
    names = dict.fromkeys(
        f"{scheme.family}-{scheme.hash}" if scheme.hash else scheme.family for scheme in provider.webhook.schemes
    )
    return ", ".join(names)


def _lists(provider: Provider) -> str:
    return ", ".join(provider.api.resources) if provider.api is not None else ""


def _kind(provider: Provider) -> str:
    return provider.oauth.kind if provider.oauth is not None else ""


def _origin(provider: Provider) -> str:
    return provider.origin


def _print_section(section: Section) -> None:
    click.echo(f"\n{section.title}")
    for line in section.lines:
        # URLs and names stay whole, to be copied.
        shown = printable(line)
        click.echo(fill(shown, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False))
