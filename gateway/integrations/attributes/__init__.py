"""The typed settings of integrations: what a type asks for, how it is judged, and its form as data. Pure.

Connections, names and schedules are no attributes: every integration has those.
"""

from gateway.integrations.attributes.attribute import Attribute, AttributeKind
from gateway.integrations.attributes.form import form_of
from gateway.integrations.attributes.judging import (
    CONFIGURATION,
    SECRETS,
    completed,
    configuration_faults,
    raise_faults,
    secret_faults,
)
from gateway.integrations.attributes.texts import from_texts

__all__ = [
    "CONFIGURATION",
    "SECRETS",
    "Attribute",
    "AttributeKind",
    "completed",
    "configuration_faults",
    "form_of",
    "from_texts",
    "raise_faults",
    "secret_faults",
]
