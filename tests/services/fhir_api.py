"""An FHIR R4 server in memory: search, read, update, conditional create, history (shapes: hl7.org/fhir/R4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.services.json_server import Asked, Said


@dataclass
class FhirApi:
    """Resources by type and id; `None` for those that were deleted. `history` is of all changes, the oldest first."""

    token: str
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    page_size: int = 40
    keeps_history: bool = True
    resources: dict[str, dict[str, dict[str, Any] | None]] = field(default_factory=dict)
    history: list[tuple[datetime, str, str, str]] = field(default_factory=list)
    searches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)

    def put(self, name: str, identifier: str, content: dict[str, Any]) -> dict[str, Any]:
        known = self.resources.setdefault(name, {}).get(identifier)
        self.clock += timedelta(minutes=1)
        version = str(int(known["meta"]["versionId"]) + 1) if known else "1"
        meta = {"versionId": version, "lastUpdated": self.clock.isoformat().replace("+00:00", "Z")}
        made = {**content, "resourceType": name, "id": identifier, "meta": meta}
        self.resources[name][identifier] = made
        self.history.append((self.clock, name, identifier, "PUT"))
        return made

    def delete(self, name: str, identifier: str) -> None:
        self.clock += timedelta(minutes=1)
        self.resources[name][identifier] = None
        self.history.append((self.clock, name, identifier, "DELETE"))

    def __call__(self, asked: Asked) -> Said:
        self.urls.append(f"{asked.method} {asked.path} {asked.query}")
        said = self._answer(asked)
        headers = {"Date": format_datetime(self.clock, usegmt=True), "Content-Type": "application/fhir+json"}
        return Said(said.status, said.document, {**headers, **said.headers})

    def _answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return outcome(401, "login", f"not {asked.headers.get('authorization')}")
        name, *rest = asked.path.strip("/").split("/")
        if name == "metadata":
            return Said(200, self._statement())
        if not rest and asked.method == "GET":
            return self._page(asked, self.searches.get(asked.query.get("_token", "")), asked.query.get("_token", ""))
        if not rest:
            return self._create(asked, name)
        if rest[0] == "_search":
            return self._page(asked, self._search(name, asked.document or {}), None)
        if rest[0] == "_history":
            return self._history(name, asked.query)
        return self._one(asked, name, rest[0])

    def _one(self, asked: Asked, name: str, identifier: str) -> Said:
        known = self.resources.get(name, {}).get(identifier)
        if known is None:
            return outcome(410 if identifier in self.resources.get(name, {}) else 404, "not-found", identifier)
        if asked.method == "DELETE":
            self.delete(name, identifier)
            return Said(204)
        if asked.method == "PUT":
            wanted = asked.headers.get("if-match")
            if wanted is not None and wanted != f'W/"{known["meta"]["versionId"]}"':
                return outcome(412, "conflict", "the version differs")
            known = self.put(name, identifier, asked.document)
        return Said(200, known, {"ETag": f'W/"{known["meta"]["versionId"]}"'})

    def _create(self, asked: Asked, name: str) -> Said:
        condition = re.fullmatch(r"identifier=(.+)\|(.+)", asked.headers.get("if-none-exist", ""))
        if condition and (found := self._search(name, {"identifier": f"{condition[1]}|{condition[2]}"})):
            return Said(200, found[0])
        return Said(201, self.put(name, f"made-{len(self.resources[name])}", asked.document))

    def _search(self, name: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        found = [one for one in self.resources.get(name, {}).values() if one is not None]
        if "_lastUpdated" in asked:
            since = datetime.fromisoformat(asked["_lastUpdated"].removeprefix("ge"))
            found = [one for one in found if datetime.fromisoformat(one["meta"]["lastUpdated"]) >= since]
            found.sort(key=lambda one: str(one["meta"]["lastUpdated"]))
        if "identifier" in asked:
            system, _, value = asked["identifier"].partition("|")
            found = [one for one in found if {"system": system, "value": value} in one.get("identifier", [])]
        return found

    def _page(self, asked: Asked, found: list[dict[str, Any]] | None, token: str | None) -> Said:
        if found is None:
            return outcome(410, "not-found", "the search is no longer kept")
        links = []
        if len(found) > self.page_size:
            kept = f"t{len(self.searches)}"
            self.searches[kept] = found[self.page_size :]
            name = asked.path.strip("/").split("/")[0]
            links = [{"relation": "next", "url": f"{asked.url}/{name}?_token={kept}"}]
        entries = [{"resource": one, "search": {"mode": "match"}} for one in found[: self.page_size]]
        return Said(200, {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})

    def _history(self, name: str, query: Any) -> Said:
        since = datetime.fromisoformat(query["_since"])
        entries = [
            {
                "fullUrl": f"urn:x/{name}/{identifier}",
                "request": {"method": method, "url": f"{name}/{identifier}"},
                "response": {"lastModified": at.isoformat()},
                **({"resource": self.resources[name][identifier]} if method == "PUT" else {}),
            }
            for at, of, identifier, method in reversed(self.history)
            if of == name and at >= since and (method == "DELETE" or self.resources[name][identifier] is not None)
        ]
        return Said(200, {"resourceType": "Bundle", "type": "history", "link": [], "entry": entries})

    def _statement(self) -> dict[str, Any]:
        codes = ["read", "update", "search-type", *(["history-type"] if self.keeps_history else [])]
        resources = [
            {"type": name, "interaction": [{"code": code} for code in codes]} for name in ("Patient", "Observation")
        ]
        return {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "Test FHIR"},
            "rest": [{"mode": "server", "resource": resources}],
        }


def outcome(status: int, code: str, diagnostics: str) -> Said:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return Said(status, {"resourceType": "OperationOutcome", "issue": [issue]})
