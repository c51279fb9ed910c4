"""One typed setting of an integration type, as its type declares it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class AttributeKind(StrEnum):
    """What the value of an attribute is."""

    STRING = "string"  # text; `minimum` and `maximum` are of its length
    INTEGER = "integer"  # a whole number
    NUMBER = "number"  # a number
    BOOLEAN = "boolean"  # true or false
    CHOICE = "choice"  # one of `choices`
    LIST = "list"  # several texts, of `choices` where there are some; the bounds are of how many
    MAPPING = "mapping"  # a JSON object, whose members the type judges; the bounds are of how many
    URL = "url"  # where a system is: https, and http where private addresses are allowed
    SECRET = "secret"  # noqa: S105 (the name of a kind): text that is sealed, and never shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A setting. `key` is its name in configurations, `label` and `help` are for people. One with a `default` is never
    missing; one that is `unless_connected` is not asked for where a connection is used. `pattern` is a regular
    expression for the whole of a text. `example` is shown where nothing is given yet.
    """

    key: str
    label: str
    kind: AttributeKind = AttributeKind.STRING
    help: str = ""
    required: bool = False
    unless_connected: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[str] = ()
    pattern: str | None = None
    example: Any = None

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise ValueError(f"{self.key!r} is not the key of an attribute: use lower-case letters, digits and _")
        if self.kind is AttributeKind.CHOICE and not self.choices:
            raise ValueError(f"the attribute {self.key} is a choice of nothing")
        if self.is_secret and self.default is not None:
            raise ValueError(f"the attribute {self.key} is a secret: it has no default")

    @property
    def is_secret(self) -> bool:
        """Whether its value goes to the vault instead of the configuration."""
        return self.kind is AttributeKind.SECRET
