"""The pages about integration types name each key that may be written, and show what is in the examples."""

from __future__ import annotations

import re
from pathlib import Path

from marshmallow import Schema

from gateway.entities.external import Outgoing
from gateway.integrations.kinds.rest.description import describe
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.integrations.kinds.rest.records import TYPES
from gateway.integrations.kinds.rest.schema import EntitySchema, FieldSchema, FindSchema, StateSchema
from gateway.integrations.kinds.rest.writing import RecordWriter
from gateway.integrations.registry import Registry
from gateway.providers import catalogue
from gateway.strict_yaml import load_strictly

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "integrations"


def test_each_page_is_of_a_type_and_names_each_of_its_settings() -> None:
    registry = Registry()
    lacking = {}
    for page in {*PAGES.glob("*.md")} - {PAGES / "README.md"}:
        assert f"({page.name})" in (PAGES / "README.md").read_text(encoding="utf-8")
        text = page.read_text(encoding="utf-8")
        keys = [one.key for one in registry.require(page.stem).attributes]
        if missing := [key for key in keys if f"`{key}`" not in text]:
            lacking[page.stem] = missing
    assert lacking == {}


def test_the_page_of_rest_names_each_key_of_a_description() -> None:
    text = (PAGES / "rest.md").read_text(encoding="utf-8")
    schemas: tuple[type[Schema], ...] = (EntitySchema, FieldSchema, StateSchema, FindSchema)
    keys = {field.data_key or name for schema in schemas for name, field in schema().fields.items()}
    assert [key for key in sorted(keys | set(TYPES)) if f"`{key}`" not in text] == []


def test_the_guide_shows_the_description_of_the_example() -> None:
    guide = (ROOT / "docs" / "ADDING_AN_INTEGRATION.md").read_text(encoding="utf-8")
    written = (ROOT / "examples" / "contacts" / "contacts.yaml").read_text(encoding="utf-8")
    shown = [load_strictly(block) for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)]
    assert load_strictly(written) in shown
    # The first step is a description by itself.
    assert list(describe(shown[0]).entities) == ["contacts"]
    assert describe({**shown[0], **shown[1]}).entities["contacts"].kind == "contact"


def test_the_page_of_rest_shows_hubspots_contacts_as_they_come_and_go() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (PAGES / "rest.md").read_text(encoding="utf-8"), re.DOTALL)
    system = describe(shown, api=catalogue()["hubspot"].api)
    entity, listed = system.entities["contacts"], system.api.resources["contacts"]
    properties = {"firstname": "Ada", "lastname": "L", "email": "ada@example.com", "lifecyclestage": "lead", "x": "1"}
    mapped = RecordReader(entity, listed).read({"id": "7", "properties": properties, "archived": False})
    assert (mapped.name, mapped.attributes["stage"], mapped.attributes["x"]) == ("Ada L", "lead", "1")
    edit = Outgoing(
        kind="contact",
        integration_id="7",
        name=None,
        fields={"stage": "customer"},
        attributes={},
        version=None,
        idempotency_key="k",
    )
    assert RecordWriter(entity).changed(edit) == {"lifecyclestage": "customer"}


def test_the_guide_shows_the_code_of_the_example() -> None:
    guide = (ROOT / "docs" / "ADDING_AN_INTEGRATION.md").read_text(encoding="utf-8")
    for language, name in (("python", "bookmarks.py"), ("toml", "pyproject.toml")):
        written = (ROOT / "examples" / "bookmarks" / name).read_text(encoding="utf-8")
        assert f"```{language}\n{written}```" in guide, f"examples/bookmarks/{name} is another one by now"
