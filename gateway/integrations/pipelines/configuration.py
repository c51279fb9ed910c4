"""A pipeline's configuration, judged without asking anybody: mapping, rules, thresholds, and what they name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import Fault, Hint, InvalidInput
from gateway.integrations.kinds.rest.paths import compile_path
from gateway.integrations.pipelines.mapping import LINEAGE
from gateway.integrations.pipelines.rules import read_rules
from gateway.integrations.pipelines.target import UPDATE
from gateway.integrations.pipelines.thresholds import threshold_faults
from gateway.suggestions import suggest


def plan_faults(configuration: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with it; fields are those of the configuration."""
    mapping, key = configuration.get("mapping", {}), configuration.get("key")
    if not mapping and "transform" not in configuration:
        yield Fault("mapping", "missing", "a pipeline has a mapping, a transform, or both")
    if LINEAGE in mapping:
        yield Fault(f"mapping.{LINEAGE}", "unusable", f"{LINEAGE} is what tells from which entity a record came")
    for field, text in mapping.items():
        yield from _path_faults(f"mapping.{field}", text)
    for field in ("name", "where"):
        if field in configuration:
            yield from _path_faults(field, configuration[field])
    try:
        read_rules(configuration.get("rules", {}), key=None)
    except InvalidInput as error:
        yield from error.faults
    yield from threshold_faults(configuration.get("thresholds", {}))
    if key is None and configuration.get("mode") == UPDATE:
        yield Fault("key", "missing", "what is only changed has to be found: name the field that is its key")
    if mapping:
        named = {**{f"rules.{name}": name for name in configuration.get("rules", {})}, **({"key": key} if key else {})}
        for where, field in named.items():
            if field not in mapping:
                hint = suggest(field, mapping, Hint("choose_one_of", {"names": sorted(mapping)}))
                yield Fault(where, "unknown", f"{field} is no field of the mapping", hint=hint)


def _path_faults(field: str, text: Any) -> Iterator[Fault]:
    if not isinstance(text, str):
        yield Fault(field, "malformed", f"{field} is no JMESPath")
        return
    try:
        compile_path(text).check_calls()
    except InvalidInput as error:
        yield Fault(field, "malformed", f"{text!r}: {error}")
