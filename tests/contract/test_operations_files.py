"""The alert rules and the dashboard in `docs/operations`: they can be read, and ask for what there is.

PromQL has no parser here. What is checked of an expression: its brackets, its names, and that each label which it
filters or groups by is one of the metric's.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
_GROUPS = yaml.safe_load((DOCS / "operations/alerts.yaml").read_text())["groups"]
RULES = [rule for group in _GROUPS for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DOCS / "operations/grafana.json").read_text())
# As the reference has them: name, type and labels.
ROW = re.compile(r"^\| `(gateway_\w+)` \| (\w+) \| (.*?) ?\|", re.M)
KNOWN = {
    name: frozenset(re.findall(r"`(\w+)`", labels)) | ({"le"} if kind == "histogram" else set())
    for name, kind, labels in ROW.findall((DOCS / "reference/metrics.md").read_text())
}
# Prometheus adds it to whatever it scrapes.
OTHERS = frozenset({"instance"})
METRIC = re.compile(r"\b(gateway_\w+|process_\w+)(\{[^}]*\})?")
DURATION = re.compile(r"(\d+[smh])*")

EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
]


def _known(name: str) -> str:
    return name.removesuffix("_bucket") if name.removesuffix("_bucket") in KNOWN else name


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_ask_for_what_there_is(expression: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)
    labels: set[str] = set()
    for name, selector in METRIC.findall(expression):
        if name.startswith("process_"):
            continue
        assert _known(name) in KNOWN, f"{name} is not in docs/reference/metrics.md"
        labels |= KNOWN[_known(name)]
        assert set(re.findall(r"(\w+)\s*=", selector)) <= KNOWN[_known(name)]
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(re.split(r",\s*", grouped)) <= labels | OTHERS


def test_rules_say_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert DURATION.fullmatch(rule.get("for", ""))
        assert {"summary", "description"} == set(rule["annotations"])
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert f"by ({label}" in rule["expr"]


def test_the_dashboard_is_whole() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = {name for one in re.findall(r"by \(([^)]*)\)", target["expr"]) for name in one.split(", ")}
            assert used <= grouped | OTHERS
