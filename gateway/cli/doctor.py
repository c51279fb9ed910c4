"""`gateway doctor`: check this installation, with what to do."""

from __future__ import annotations

import click

from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.hints import with_hints
from gateway.cli.terminal.options import AS_JSON, common_options
from gateway.cli.terminal.output import aligned, print_json, printable
from gateway.config import Settings
from gateway.doctor.check import CheckResult, Level
from gateway.doctor.examine import examine
from gateway.errors import ConfigurationError
from gateway.installation import Installation


@click.command()
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@common_options
def doctor(strict: bool) -> None:
    """Check the whole installation: settings, files, keys, database, web and workers, backlog, destinations, retention.

    Exits with 1 when something does not work. What works and may surprise is a warning.
    """
    results = _results()
    is_well = all(result.level is not Level.FAIL for result in results)
    if click.get_current_context().meta.get(AS_JSON):
        found = [{"check": one.name, "level": one.level, "detail": _detail(one)} for one in results]
        print_json({"ok": is_well, "findings": found})
    else:
        rows = [(result.level.value, result.name, printable(_detail(result))) for result in results]
        for line in aligned(("", "check", "finding"), rows)[1:]:
            click.echo(line)
    if not is_well or (strict and any(result.level is not Level.OK for result in results)):
        raise click.exceptions.Exit(FAILED)


def _results() -> list[CheckResult]:
    try:
        settings = local_settings()
    except ConfigurationError as error:
        return [CheckResult("settings", Level.FAIL, fault) for fault in error.faults]
    with Installation(settings) as installation:
        return [*_of_settings(settings), *examine(installation)]


def _of_settings(settings: Settings) -> list[CheckResult]:
    unknown = [CheckResult("settings", Level.WARN, fault) for fault in settings.unknown_variables]
    return unknown or [CheckResult("settings", Level.OK, "complete")]


def _detail(result: CheckResult) -> str:
    return with_hints(result.detail, [result.hint] if result.hint is not None else [])
