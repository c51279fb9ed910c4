"""A theme as the style of a page: custom properties that `style.css` uses, made of values that were judged well. Pure.

Whatever an application chooses, text can be read: what it leaves out is chosen by what it says, and an accent that
is too faint on a page is made stronger where it is text or a line.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.oauth.flows.sessions.colours import BLACK, WHITE, Colour, opposite, readable, written
from gateway.oauth.flows.sessions.theme import ACCENT, BACKGROUND, FONT, FONTS, RADIUS, TEXT, colour_of

LIGHT_PAGE, DARK_PAGE = WHITE, (0x16, 0x18, 0x1B)
LIGHT_TEXT, DARK_TEXT = (0x1A, 0x1A, 0x1A), (0xF2, 0xF2, 0xF2)
LIGHT_ACCENT, DARK_ACCENT = (0x0B, 0x5C, 0xAD), (0x8C, 0xC2, 0xFF)
FAULT = (0xA4, 0x16, 0x1A)


def theme_style(theme: Mapping[str, str]) -> str:
    """What stands in a style element behind the one of all pages; empty where nothing changes."""
    accent, background, text = (colour_of(theme, name) for name in (ACCENT, BACKGROUND, TEXT))
    rules = []
    if background is not None or text is not None:
        page = background or opposite(text or BLACK)
        rules.append(_colours(page, text or opposite(page), accent))
    elif accent is not None:
        rules.append(_colours(LIGHT_PAGE, LIGHT_TEXT, accent))
        rules.append(f"@media (prefers-color-scheme: dark) {{ {_colours(DARK_PAGE, DARK_TEXT, accent)} }}")
    if FONT in theme:
        rules.append(_rule({"font": FONTS[theme[FONT]]}))
    if RADIUS in theme:
        rules.append(_rule({"radius": f"{int(theme[RADIUS])}px"}))
    return "\n".join(rules)


def _colours(page: Colour, text: Colour, accent: Colour | None) -> str:
    is_dark = opposite(page) == WHITE
    button = accent or (DARK_ACCENT if is_dark else LIGHT_ACCENT)
    said = {
        "page": page,
        "text": text,
        "accent": readable(button, page),
        "button": button,
        "on-button": opposite(button),
        "fault": readable(FAULT, page),
    }
    scheme = "dark" if is_dark else "light"
    return _rule({name: written(colour) for name, colour in said.items()}, f"color-scheme: {scheme}; ")


def _rule(properties: Mapping[str, str], before: str = "") -> str:
    said = "; ".join(f"--{name}: {value}" for name, value in properties.items())
    return f":root {{ {before}{said} }}"
