"""Embeddings as a list that a sync reads: its records are made of entities of other integrations.

Each complete reading walks all of those; only what has no vector of its present text is sent, as far as the limit of
tokens goes. What is left keeps the vector that it has, and is taken by a later sync.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.clients.errors import PositionExpired, RequestRefused
from gateway.clients.systems.openai import OpenAI
from gateway.entities.external import Abilities, Cursor, Mapped, Position, Raw, RemotePage
from gateway.integrations.kinds.openai.subjects import Place, Subjects
from gateway.integrations.kinds.openai.texts import KIND, Subject, embedding_reader
from gateway.integrations.kinds.read_only import ReadOnly


@dataclass(slots=True)
class Budget:
    """Tokens that a reading may still spend. A text counts its bytes until it is known what it cost."""

    left: int

    def admits(self, text: str) -> bool:
        """Whether there is room for a text, which is counted then."""
        size = len(text.encode("utf-8", "replace"))
        if size > self.left:
            return False
        self.left -= size
        return True

    def settle(self, texts: Sequence[str], tokens: int | None) -> None:
        """What they cost is known now."""
        if tokens is not None:
            self.left += sum(len(text.encode("utf-8", "replace")) for text in texts) - tokens


class Embeddings(ReadOnly):
    """See the module. `dimensions` None: as many as the model has."""

    name = "embeddings"
    kind = KIND
    abilities = Abilities(looks_up=True)

    def __init__(
        self, client: OpenAI, subjects: Subjects, *, model: str, dimensions: int | None, tokens_per_sync: int
    ) -> None:
        self._client = client
        self._subjects = subjects
        self._model = model
        self._dimensions = dimensions
        self._tokens_per_sync = tokens_per_sync
        self._reader = embedding_reader()

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """As the port says."""
        place, budget = self._begin(at)
        for subjects, following in self._subjects.pages(place):
            records, calls = self._records(subjects, budget)
            position = None
            if following is not None:
                position = {"part": following.part, "after": following.after, "tokens_left": budget.left}
            yield RemotePage(records=records, next=position, requests=calls)

    def identify(self, raw: Raw) -> str | None:
        """As the port says."""
        return self._reader.identify(raw)

    def map(self, raw: Raw) -> Mapped:
        """As the port says."""
        return self._reader.read(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """As the port says: an embedding is gone with its entity."""
        known, living = self._subjects.embeddings(ids), self._subjects.living(ids)
        return {one: known.get(one) if one in living else None for one in ids if one not in living or one in known}

    def _begin(self, at: Position | None) -> tuple[Place, Budget]:
        if at is None:
            return Place(), Budget(self._tokens_per_sync)
        part, after, left = at.get("part"), at.get("after"), at.get("tokens_left")
        if not isinstance(part, int) or not isinstance(after, str) or not isinstance(left, int):
            raise PositionExpired("what the sync was to go on from cannot be read")
        return Place(part=part, after=after), Budget(min(left, self._tokens_per_sync))

    def _records(self, subjects: Sequence[Subject], budget: Budget) -> tuple[list[Raw], int]:
        """The records of some subjects, and how many calls they took."""
        known = self._subjects.embeddings([one.id for one in subjects])
        digests = {one.id: one.digest(self._model, self._dimensions) for one in subjects}
        due = [one for one in subjects if known.get(one.id, {}).get("digest") != digests[one.id]]
        due = [one for one in due if budget.admits(one.text)]
        vectors, calls = self._vectors(due, budget)
        made = {
            one.id: one.record(self._model, digests[one.id], vector) for one, vector in zip(due, vectors, strict=True)
        }
        found = [made.get(one.id) or known.get(one.id) for one in subjects]
        return [one for one in found if one is not None], calls

    def _vectors(self, due: Sequence[Subject], budget: Budget) -> tuple[list[list[float] | None], int]:
        """A vector each; None for a text that is refused, which only one that is sent alone shows."""
        texts = [one.text for one in due]
        try:
            return self._embedded(texts, budget)
        except RequestRefused:
            if len(due) == 1:
                return [None], 1
        vectors: list[list[float] | None] = []
        for one in due:
            vectors += self._vectors([one], budget)[0]
        return vectors, 1 + len(due)

    def _embedded(self, texts: Sequence[str], budget: Budget) -> tuple[list[list[float] | None], int]:
        vectors: list[list[float] | None] = []
        calls = 0
        for embedded in self._client.batches(texts, self._model, dimensions=self._dimensions):
            calls += 1
            budget.settle(texts[len(vectors) : len(vectors) + len(embedded.vectors)], embedded.tokens)
            vectors += embedded.vectors
        return vectors, calls
