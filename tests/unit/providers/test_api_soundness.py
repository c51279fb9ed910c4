"""What of a section `api` has the right shape and makes no sense: each is a fault that names its place."""

from __future__ import annotations

import pytest

from gateway.providers import CatalogueError, Provider, parse_provider
from tests.services.for_each import for_each

ENTRY = """\
name: Acme
category: tests
docs: Acme's handbook
evidence: {level: docs}
api:
  base_url: "https://{shop}.acme.example/v1"
  docs: Acme's reference
  credential: {kind: header, name: X-Key, prefix: "Key "}
  services: {files: "https://files.acme.example"}
  parameters:
    shop: {about: the shop, pattern: "[a-z]+"}
    tenant: {about: the tenant, pattern: "[0-9a-f-]+"}
  headers: {X-Tenant: "{tenant}"}
  resources:
    things:
      path: /things
      records: data
      id: id
      paging: {style: cursor, parameter: after, path: next, size: 10, size_parameter: limit}
      since: {parameter: updated_after, unit: iso}
      delta: {path: mark, parameter: mark}
      deletions: flag
      deleted: gone
      one: "/things/{id}"
      writes: {create: {method: POST, path: /things, idempotency_field: key}}
    found:
      method: POST
      path: /search
      body: {filter: {kind: thing}}
      records: data
      id: id
      paging: {style: cursor, parameter: after, path: next, then: /search/more}
      delta: {path: next, parameter: after}
"""

BREAKS = [
    ('"https://files.', '"http://files.', "api.services.files: begins with https://"),
    ('"https://{shop}.', '"ftp://{shop}.', "api.base_url: begins with https://"),
    ("    tenant: {about", "    tennant: {about", "api.parameters: 'tenant' stands in braces, and is not described"),
    ('"{tenant}"', '"one"', "api.parameters.tenant: stands in braces nowhere"),
    ('prefix: "Key "', "also: {shop: {about: x, header: X-K}}", "credential.also.shop: is the name of something else"),
    ('prefix: "Key "', "also: {one: {about: x, header: X-Tenant}}", "credential.also.one: something else stands in"),
    ('prefix: "Key "', "also: {one: {about: x}}", "stands in a `header` or in a `query` parameter"),
    ('prefix: "Key "', 'scheme: "Key"', "api.credential.scheme: is for the kind bearer"),
    (
        "      path: /things",
        "      service: file\n      path: /things",
        "api.resources.things.service: 'file' is not among",
    ),
    ("      deleted: gone\n", "", "api.resources.things.deleted: says which"),
    ("deletions: flag", "deletions: absent", "api.resources.things.deleted: says which"),
    ('"/things/{id}"', '"/things"', "api.resources.things.one: has no name in braces"),
    ("idempotency_field: key", "idempotency_field: key, idempotency_header: K", "writes.create: has two places"),
    ("method: POST, path: /things,", "method: DELETE, path: /things,", "writes.create.idempotency_field: a DELETE"),
    ("  services:", "  idempotency_header: K\n  services:", None),
    (
        "  services:",
        "  idempotency_header: K\n  services:",
        ("idempotency_field: key", "idempotency_header: K", "create.idempotency_header: every write has one already"),
    ),
    ("      body:", "      query: {after: x}\n      body:", "found.paging.parameter: stands in `query` too"),
    ("      method: POST\n", "", "found.body: needs `method: POST`"),
    ("style: cursor, parameter: after, path: next, then: /search/more", "style: link", "found.paging.style: a list"),
    (", then: /search/more", "", "found.delta: by POST the mark is a cursor"),
    ("delta: {path: next, parameter: after}", "delta: {path: next}", "found.delta: by POST the mark is a cursor"),
    (", then: /search/more", ", then: /m, size: 5, size_parameter: n", "paging.size_parameter: a number belongs"),
    ("delta: {path: mark, parameter: mark}", "delta: {path: m, parameter: after}", "things.delta.parameter: is used"),
    ("parameter: updated_after,", "", "since: needs either `parameter` or `header`"),
    ("parameter: updated_after,", "header: If-Modified-Since, along: {a: b},", "since.along: goes with a `parameter`"),
    ("unit: iso}", "unit: isoo}", "things.since.unit: Must be one of: iso,"),
    ("size_parameter: limit}", "atribute: results}", "paging.atribute: Unknown field. Did you mean `attribute`?"),
    ("size_parameter: limit}", "attribute: results}", "the style cursor does not take attribute"),
]


def test_the_entry_itself_is_right() -> None:
    api = parsed(ENTRY).api
    assert api is not None
    assert api.resources["found"].body == {"filter": {"kind": "thing"}}


@for_each(BREAKS, name=lambda one: str(one[1]))
def test_fault(one: tuple[str, str, str | tuple[str, str, str] | None]) -> None:
    old, new, said = one
    assert old in ENTRY
    text = ENTRY.replace(old, new, 1)
    if isinstance(said, tuple):
        old, new, said = said
        text = text.replace(old, new, 1)
    if said is None:
        parsed(text)
        return
    with pytest.raises(CatalogueError) as caught:
        parsed(text)
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def parsed(text: str) -> Provider:
    return parse_provider("acme", text, origin="acme.yaml")
