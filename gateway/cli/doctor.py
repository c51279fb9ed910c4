"""`gateway doctor`: check this installation, with what to do."""

from __future__ import annotations

import click

from gateway.cli.diagnosis import Finding, Level, examine
from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import AS_JSON, common_options
from gateway.cli.terminal.output import aligned, print_json, printable
from gateway.clock import SystemClock
from gateway.errors import ConfigurationError


@click.command()
@common_options
def doctor() -> None:
    """Check settings, database, keys, handlers and clock; exits with 1 when something does not work."""
    try:
        settings = local_settings()
    except ConfigurationError as error:
        findings = [Finding("settings", Level.FAIL, fault) for fault in error.faults]
    else:
        findings = [Finding("settings", Level.OK, "complete"), *examine(settings, SystemClock())]
    if click.get_current_context().meta.get(AS_JSON):
        print_json({"ok": not _failed(findings), "findings": findings})
    else:
        rows = [(finding.level.value, finding.check, printable(finding.detail)) for finding in findings]
        for line in aligned(("", "check", "finding"), rows)[1:]:
            click.echo(line)
    if _failed(findings):
        raise click.exceptions.Exit(FAILED)


def _failed(findings: list[Finding]) -> bool:
    return any(finding.level is Level.FAIL for finding in findings)
