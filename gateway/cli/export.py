"""`gateway export`: the file of what is there, as `gateway apply` takes it."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json
from gateway.deferred import deferred
from gateway.manifest.export import export as export_all
from gateway.manifest.present import present_of

# Only this command writes YAML.
_yaml = deferred("yaml")


@click.command()
@click.option("--without-secrets", is_flag=True, help="Name no variables: secrets stay as they are.")
@with_invocation
def export(invocation: Invocation, without_secrets: bool) -> None:
    """Print sources, destinations, routes and app credentials as a file for `gateway apply`.

    Secrets are not printed: the file names a variable for each, to be set where it is applied. With --without-secrets
    it names none, and is for this installation: what a file leaves out of secrets stays as it is.
    """
    with invocation.reading() as acting:
        exported = export_all(present_of(acting), names_variables=not without_secrets)
    if invocation.as_json:
        print_json({"document": exported.document, "variables": exported.variables})
        return
    if not exported.document:
        note("Nothing to export yet: gateway sources add")
        return
    click.echo(_yaml.safe_dump(exported.document, sort_keys=False, allow_unicode=True, width=120), nl=False)
    if exported.variables:
        note(f"Where it is applied it needs {len(exported.variables)} variables: {', '.join(exported.variables)}")
        note("Secrets that you do not have any more are made anew: gateway sources rotate, gateway destinations rotate")
