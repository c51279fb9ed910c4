"""What a GraphQL document does, as far as sending it goes. Pure; the system is who parses it."""

from __future__ import annotations

import re
from typing import Final

_OPENS: Final = frozenset("{([")
_CLOSES: Final = frozenset("})]")
# Texts and comments as one piece, so that nothing in them is taken for syntax (https://spec.graphql.org, 2.1).
_PIECE = re.compile(
    r'"""(?:\\"""|[^"\\]|\\(?!""")|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n\r]*|[{}()\[\]]|[\w$@!:&|=.]+', re.DOTALL
)


def is_write(document: str) -> bool:
    """Whether a document holds a mutation. Raises `ValueError` for a subscription, and for what is no document."""
    kinds = definitions(document)
    if "subscription" in kinds:
        raise ValueError("a subscription is no single call: it needs a connection that stays")
    if not {"query", "mutation"} & set(kinds):
        raise ValueError("this is no GraphQL document that can be executed: it has neither a query nor a mutation")
    return "mutation" in kinds


def definitions(document: str) -> list[str]:
    """The kinds of its definitions in order: query, mutation, subscription, fragment."""
    kinds: list[str] = []
    depth, begins = 0, True
    for found in _PIECE.finditer(document):
        piece = found[0]
        if piece[0] in '"#':
            continue
        if begins:
            kinds.append("query" if piece == "{" else piece)
            begins = False
        if piece in _OPENS:
            depth += 1
        elif piece in _CLOSES:
            depth -= 1
            # A selection ends its definition; what stands in brackets before it does not.
            begins = depth <= 0 and piece == "}"
    return kinds
