"""The methods of HTTP as methods of a client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gateway.clients.values import Answer


class Verbs(ABC):
    """One method for each, by `request`, whose options they take."""

    @abstractmethod
    def request(self, *arguments: Any, **options: Any) -> Answer:
        """The answer to one call."""

    def get(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """GET."""
        return self.request("GET", path, parameters, **options)

    def head(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """HEAD."""
        return self.request("HEAD", path, parameters, **options)

    def post(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """POST."""
        return self.request("POST", path, parameters, **options)

    def put(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, parameters, **options)

    def patch(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, parameters, **options)

    def delete(self, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, parameters, **options)
