"""What holds for each field of a kind of entities: what its type says, unless the integration says otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.entities.external import Direction, ExternalResource, FieldRule, Policy
from gateway.entities.options import SyncOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one kind. Of fields that are not named, `default` holds."""

    kind: str
    fields: Mapping[str, FieldRule]
    default: FieldRule
    options: SyncOptions

    def of(self, field: str) -> FieldRule:
        """The rule of a field, with its policy."""
        rule, options = self.fields.get(field, self.default), self.options
        policy = options.policies.get(f"{self.kind}.{field}") or options.policies.get(field) or rule.policy
        direction = options.directions.get(f"{self.kind}.{field}") or options.directions.get(field)
        return replace(rule, direction=direction or rule.direction, policy=policy or options.policy)

    @property
    def have_ours_alone(self) -> bool:
        """Whether any field may be ours alone, of which the external system's word does not count."""
        said = (self.default.direction, *(rule.direction for rule in self.fields.values()))
        return Direction.PUSH in said or Direction.PUSH in self.options.directions.values()

    def policy_of(self, field: str) -> Policy:
        """Who wins where both sides changed it."""
        return self.of(field).policy or self.options.policy

    def is_sent(self, field: str) -> bool:
        """Whether a local edit of it goes to the external system."""
        return self.of(field).direction is not Direction.PULL


def rules_of(resource: ExternalResource, options: SyncOptions) -> Rules:
    """What holds for the entities of a resource."""
    return Rules(kind=resource.kind, fields=resource.fields, default=resource.default_rule, options=options)
