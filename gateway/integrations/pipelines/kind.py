"""The integration type `pipeline`: entities of one integration, loaded into a list of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from gateway.entities.external import ExternalResource
from gateway.errors import Fault
from gateway.integrations.attributes import CONFIGURATION, Attribute, AttributeKind
from gateway.integrations.instance import Instance
from gateway.integrations.pipelines.configuration import plan_faults
from gateway.integrations.pipelines.opened import Opening
from gateway.integrations.pipelines.resource import PipelineRecords
from gateway.integrations.pipelines.target import MODES, UPSERT
from gateway.integrations.type import IntegrationType, Seen


class PipelineType(IntegrationType):
    """See docs/integrations/pipeline.md."""

    id = "pipeline"
    label = "Pipeline"
    description = "Loads entities of one integration into a list of another: mapped, judged by rules, found by a key."
    attributes = (
        Attribute(
            key="source",
            label="Source",
            required=True,
            help="the integration whose entities are loaded, by name",
            example="crm",
        ),
        Attribute(key="kind", label="Kind", required=True, help="which of its entities", example="contact"),
        Attribute(key="target", label="Target", required=True, help="the integration that is loaded, by name"),
        Attribute(
            key="resource",
            label="List",
            required=True,
            help="which of the target's lists, by its name or by the kind of its entities",
            example="contacts",
        ),
        Attribute(
            key="mapping",
            label="Mapping",
            kind=AttributeKind.MAPPING,
            maximum=500,
            help="the target's fields, each with JMESPath over the entity: name, state, integration_id, attributes, …",
            example={"email": "attributes.email"},
        ),
        Attribute(
            key="transform",
            label="Function",
            help="a function of yours that makes the record, as module:name; the mapping reads what it gives",
            example="shop.transforms:customer",
        ),
        Attribute(key="name", label="Name", help="JMESPath of the record's name; the entity's unless said"),
        Attribute(key="where", label="Which", help="JMESPath: only entities for which it is true are loaded"),
        Attribute(
            key="key",
            label="Key",
            help="the field by which a record is known in the target; id is the target's own id",
            example="email",
        ),
        Attribute(
            key="mode",
            label="Mode",
            kind=AttributeKind.CHOICE,
            choices=MODES,
            default=UPSERT,
            help="upsert changes what the key finds and makes the others; create only makes; update only changes",
        ),
        Attribute(
            key="deletes",
            label="Deletes",
            kind=AttributeKind.BOOLEAN,
            default=False,
            help="what is gone in the source is removed from the target too",
        ),
        Attribute(
            key="follows",
            label="Follows",
            kind=AttributeKind.BOOLEAN,
            default=True,
            help="it runs as soon as a sync of the source changed something, beside its schedule",
        ),
        Attribute(
            key="rules",
            label="Rules",
            kind=AttributeKind.MAPPING,
            maximum=500,
            help="by field: required, minimum, maximum, pattern, unique, reference (integration and kind)",
            example={"email": {"required": True, "unique": True}},
        ),
        Attribute(
            key="thresholds",
            label="Thresholds",
            kind=AttributeKind.MAPPING,
            help="which share may fail a rule (any, or one by name) or be deleted: beyond, nothing is loaded",
            example={"any": 0.1, "unique": 0},
        ),
    )
    # Thresholds stop a load before it begins; a budget in its middle would be of no use beside them.
    sync_defaults: ClassVar[Mapping[str, Any]] = {"invalid_share": 1.0, "is_pushing": False}

    def further_faults(self, configuration: Mapping[str, Any]) -> Sequence[Fault]:
        """Expressions compile, rules and thresholds are what they can be, and what they name is mapped."""
        return [replace(one, field=f"{CONFIGURATION}.{one.field}") for one in plan_faults(configuration)]

    def test_connection(self, instance: Instance) -> Seen:
        """Asks the target as its own test does, and judges a few entities of the source."""
        with Opening(instance) as opening:
            seen = opening.test_target()
            judge, entities = opening.judge, opening.entities
            subjects, _ = next(entities.pages(None))
            records, _ = judge.records(subjects)
        faulty = [one.faults[0].message for one in records if one.faults]
        said = f"{len(records) - len(faulty)} of {len(records)} records are sound"
        said += f" ({faulty[0]})" if faulty else ""
        facts = {"records": len(records), "sound": len(records) - len(faulty)}
        return Seen(f"{said}; {instance.configuration['target']}: {seen.message}", facts)

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        """One: the records that are loaded."""
        opening = instance.closing(Opening(instance))
        return [
            PipelineRecords(
                opening.entities,
                opening.judge,
                opening.target,
                thresholds=instance.configuration.get("thresholds", {}),
                deletes=instance.configuration["deletes"],
                clock=instance.clock,
            )
        ]
