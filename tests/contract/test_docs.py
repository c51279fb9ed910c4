"""The docs are true: every setting, error code, metric, event, state and command stands in them, and nothing else.

Pages of providers are held against the catalogue elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.reference import page
from gateway.clients.call_metrics import CallMetrics
from gateway.clients.errors import IntegrationError
from gateway.config import DEFAULT_SCHEDULE_SECONDS, Settings
from gateway.delivery.decisions.circuit import (
    FAILURES,
    FAILURES_TO_OPEN,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    SUCCESSES,
)
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.decisions.transitions import TRANSITIONS
from gateway.delivery.journal import EventStatus
from gateway.delivery.models import CircuitState, DeliveryState
from gateway.errors import GatewayError
from gateway.events import system as system_events
from gateway.jobs.models import JobState
from gateway.jobs.schedules.summary import ScheduleState
from gateway.oauth.flows.outcomes import Outcome as FlowOutcome
from gateway.oauth.flows.outcomes import Refusal
from gateway.out_of_order import OutOfOrderCode
from gateway.telemetry.exposition import (
    BuildCollector,
    ConfigurationCollector,
    ConfigurationGauges,
    ConnectionCollector,
    ConnectionGauges,
    IntegrationCollector,
    IntegrationGauges,
    JobCollector,
    JobGauges,
    QueueCollector,
    QueueGauges,
)
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.verification.verdict import Reason
from tests.services.markdown import ROOT, codes, read, rows

REFERENCE = "docs/reference/"
UNITS = {"s": 1, "min": 60, "h": 3600}


def first_codes(name: str, title: str = "") -> dict[str, list[str]]:
    """The rows of a page's tables by the first name in backticks of their first cell."""
    return {found[0]: row for row in rows(read(REFERENCE + name), title) if (found := codes(row[0]))}


def settings_by_variable() -> dict[str, str]:
    """Variable and field of every setting, as `load_settings` reads them."""
    tree = ast.parse((ROOT / "gateway" / "config.py").read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Call) and node.value.args:
            name = node.value.args[0]
            if isinstance(name, ast.Constant) and str(name.value).startswith(("GATEWAY_", "PROMETHEUS_")):
                found[str(name.value)] = str(node.arg)
    return found


def shown_default(value: Any) -> str | None:
    """How the page writes a default; None where it says it in words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple) and value:
        return ",".join(f"{step:g}" for step in value)
    return str(value) if value not in (None, "", ()) else None


def test_every_setting_is_there_with_its_default() -> None:
    documented = first_codes("configuration.md")
    variables = settings_by_variable()
    assert len(variables) >= 15
    assert set(documented) == set(variables)
    for variable, field in variables.items():
        default = shown_default(getattr(Settings(), field))
        assert default is None or codes(documented[variable][1])[0] == default, variable


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert read(REFERENCE + "commands.md") == page(), (
        "run `python -m gateway.cli.reference > docs/reference/commands.md`"
    )


def error_classes(root: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def test_every_error_is_there() -> None:
    documented = first_codes("errors.md", "Errors of the gateway")
    expected = {error.code: error for error in error_classes() if error.__module__ == "gateway.errors"}
    # Of two classes with one code the parent stands for both.
    expected["storage_unavailable"] = next(one for one in error_classes() if one.__name__ == "StorageUnavailable")
    assert set(documented) == set(expected)
    for code, error in expected.items():
        assert documented[code][1:3] == [str(error.http_status), "yes" if error.retryable else "no"], code


def test_every_error_of_a_call_is_there() -> None:
    documented = first_codes("errors.md", "Errors of calls to external systems")
    expected: dict[str, type[GatewayError]] = {}
    for error in error_classes(IntegrationError):
        # Of classes with one code the parent stands for all, whichever of them were imported.
        expected.setdefault(error.code, error)
    assert set(documented) == set(expected)
    for code, error in expected.items():
        assert documented[code][1:3] == [str(error.http_status), "yes" if error.retryable else "no"], code


def refusal_codes() -> dict[str, int]:
    """Code and status of every refusal that the inbound side gives."""
    found: dict[str, int] = {reason.value: 401 for reason in Reason}
    for path in (ROOT / "gateway" / "webhooks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refusal":
                status, code = node.args[:2]
                if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                    found[str(code.value)] = int(str(status.value))
    return found


def test_every_answer_to_a_webhook_is_there() -> None:
    documented = {code: row for code, row in first_codes("errors.md", "Webhooks").items() if code.isidentifier()}
    for code, status in refusal_codes().items():
        assert documented[code][1] == str(status), code
    assert set(documented) == refusal_codes().keys() | {"bad_request"}


def test_every_metric_is_there() -> None:
    metrics = Metrics()
    CallMetrics(metrics.registry)
    families = [
        *metrics.registry.collect(),
        *BuildCollector("1.0", "sqlite").collect(),
        *QueueCollector(lambda: QueueGauges({"pending": 0}), metrics).collect(),
        *JobCollector(lambda: JobGauges({("purge", "pending"): 0}), metrics).collect(),
        *ConnectionCollector(lambda: ConnectionGauges({("github", "connected"): 0}), metrics).collect(),
        *IntegrationCollector(lambda: IntegrationGauges({("weather", "active", "healthy"): 0}), metrics).collect(),
        *ConfigurationCollector(lambda: ConfigurationGauges({"source": 0}), metrics).collect(),
    ]
    names = {f"{one.name}_total" if one.type == "counter" else one.name: one.type for one in families}
    documented = {name: row for name, row in first_codes("metrics.md").items() if name.isidentifier()}
    assert {name: row[1] for name, row in documented.items()} == names


def test_every_event_of_our_own_is_there() -> None:
    types = {value for name, value in vars(system_events).items() if name.isupper() and name != "CONTENT_TYPE"}
    types = {value for value in types if isinstance(value, str) and "." in value}
    text = read(REFERENCE + "events.md")
    assert types
    assert {line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")} == types


def audited_actions() -> set[str]:
    """The actions that use cases give to the audit trail."""
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".audit", "_changed", "tallied")):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", text)}
    return found


def test_every_action_of_the_audit_trail_is_there() -> None:
    documented = [action for row in rows(read(REFERENCE + "audit.md"), "Actions") for action in codes(row[0])]
    assert len(documented) == len(set(documented))
    assert set(documented) == audited_actions()


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Events", EventStatus),
        ("Outcomes", Outcome),
        ("Circuits", CircuitState),
        ("Jobs", JobState),
        ("Schedules", ScheduleState),
    ],
)
def test_every_state_and_outcome_is_there(title: str, words: type[Any]) -> None:
    assert set(first_codes("states.md", title)) == {word.value for word in words}


@pytest.mark.parametrize(("title", "words"), [("Outcomes of flows", FlowOutcome), ("Refusals of pages", Refusal)])
def test_every_end_of_a_flow_is_there(title: str, words: type[Any]) -> None:
    assert set(first_codes("connecting.md", title)) == {word.value for word in words}


def test_every_reason_to_be_out_of_order_is_there() -> None:
    found = first_codes("states.md", "Out of order")
    assert set(found) == {code.value for code in OutOfOrderCode}


def test_the_steps_between_states_are_those_of_the_state_table() -> None:
    found = set()
    for row in rows(read(REFERENCE + "states.md"), "Deliveries"):
        if len(row) == 3:
            found |= {(before, after) for before in codes(row[0]) for after in codes(row[1])}
    assert found == {(before, after) for before, nexts in TRANSITIONS.items() for after in nexts}
    assert set(DeliveryState) <= set(first_codes("states.md", "Deliveries"))


def test_what_counts_against_a_circuit_is_marked() -> None:
    marks = {name: row[2] for name, row in first_codes("states.md", "Outcomes").items()}
    for outcome in Outcome:
        assert marks[outcome] == ("yes" if outcome in FAILURES else "closes it" if outcome in SUCCESSES else "")
    text = read(REFERENCE + "states.md")
    assert f"fails {FAILURES_TO_OPEN} times in a row" in text
    assert f"after {FIRST_PAUSE_SECONDS:g} s" in text
    assert f"up to {LONGEST_PAUSE_SECONDS / 60:g} min" in text


def test_the_retries_are_those_of_the_default_schedule() -> None:
    pauses = []
    for row in rows(read(REFERENCE + "deliveries.md"), "Retries")[1:]:
        number, unit = row[1].split()
        pauses.append(float(number) * UNITS[unit])
    assert tuple(pauses) == DEFAULT_SCHEDULE_SECONDS


def test_modules_that_the_architecture_names_exist() -> None:
    named = [name for row in rows(read("docs/architecture.md")) for cell in row for name in codes(cell)]
    paths = [name for name in named if "/" in name and not name.startswith("/") and "*" not in name]
    assert paths
    missing = [name for name in paths if not (ROOT / "gateway" / name).exists() and not Path(ROOT, name).exists()]
    assert missing == []
