"""Themes: what may be said, and that text can be read whatever is said."""

from __future__ import annotations

import itertools
import re

import pytest

from gateway.oauth.flows.sessions.colours import BLACK, WHITE, contrast, opposite, parsed, readable
from gateway.oauth.flows.sessions.theme import theme_faults
from gateway.oauth.views.theme import theme_style

EVIL = ["red", "#12", "#1234567", "#ggg", "#000;}", "#000\n", "var(--x)", "url(//evil)", "", "＃000", "#٠٠٠"]


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize("name", ["accent", "background", "text"])
def test_a_colour_has_two_forms(name: str, value: str) -> None:
    assert [fault.field for fault in theme_faults({name: value})] == [f"theme.{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("font", "Comic Sans MS"),
        ("font", "system-ui; x"),
        ("radius", "25"),
        ("radius", "-1"),
        ("radius", "4px"),
        ("radius", "٤"),
        ("radius", ""),
        ("title", " "),
        ("title", "x" * 61),
        ("title", "a\u202eb"),
        ("logo", "https://example.com/x.png"),
    ],
)
def test_what_is_no_value_is_refused(name: str, value: str) -> None:
    assert [fault.field for fault in theme_faults({name: value})] == [f"theme.{name}"]


def test_a_text_that_cannot_be_read_is_refused() -> None:
    [fault] = theme_faults({"text": "#888", "background": "#ffffff"})
    assert (fault.field, "3.5" in fault.message) == ("theme.text", True)
    assert list(theme_faults({"text": "#767676", "background": "#fff", "radius": "0", "font": "serif"})) == []


def test_contrast_is_that_of_the_document() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    # https://www.w3.org/WAI/WCAG22/Techniques/general/G18: two greys that lie on either side of the line.
    assert contrast((0x77, 0x77, 0x77), WHITE) < 4.5 < contrast((0x76, 0x76, 0x76), WHITE)


def test_every_colour_has_a_readable_one_for_text() -> None:
    some = list(itertools.product(range(0, 256, 51), repeat=3))
    for background in some:
        assert contrast(opposite(background), background) >= 4.5
        assert contrast(readable((0x0B, 0x5C, 0xAD), background), background) >= 4.5


@pytest.mark.parametrize(
    "theme",
    [
        {"accent": "#ffe600"},
        {"accent": "#000"},
        {"background": "#808080"},
        {"text": "#777777"},
        {"background": "#102030", "accent": "#112233"},
        {"background": "#fff", "text": "#333", "accent": "#fff"},
    ],
)
def test_what_is_shown_can_be_read(theme: dict[str, str]) -> None:
    blocks = re.findall(r":root \{([^}]*)\}", theme_style(theme))
    assert blocks
    for block in blocks:
        said = {name: parsed(value) for name, value in re.findall(r"(--[a-z-]+): (#[0-9a-f]{6})", block)}
        for text, below in (
            ("--text", "--page"),
            ("--accent", "--page"),
            ("--fault", "--page"),
            ("--on-button", "--button"),
        ):
            one, other = said[text], said[below]
            assert one is not None
            assert other is not None
            assert contrast(one, other) >= 4.5, (text, below)


def test_no_text_of_a_theme_is_in_the_style() -> None:
    assert theme_style({"title": "</style>"}) == ""
    assert theme_style({"font": "serif", "radius": "07"}) == (
        ":root { --font: Georgia, 'Times New Roman', serif }\n:root { --radius: 7px }"
    )
