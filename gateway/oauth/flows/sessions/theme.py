"""How an application has the pages of its connect sessions look: a few values, and nothing else. Pure.

Only values of these forms are kept, and a page's style is made of what they mean, never of their text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.errors import Fault
from gateway.oauth.flows.sessions.colours import LEAST_CONTRAST, Colour, contrast, parsed

ACCENT, BACKGROUND, TEXT = COLOURS = ("accent", "background", "text")
FONT, RADIUS, TITLE = "font", "radius", "title"
NAMES = (*COLOURS, FONT, RADIUS, TITLE)
FONTS: Mapping[str, str] = {
    "system": "system-ui, sans-serif",
    "sans": "Arial, Helvetica, sans-serif",
    "serif": "Georgia, 'Times New Roman', serif",
    "monospace": "ui-monospace, Menlo, Consolas, monospace",
}
"""What browsers are told (CSS Fonts 4), by what may be said: nothing is loaded."""
MOST_RADIUS_PIXELS = 24
MOST_TITLE_CHARACTERS = 60
FIELD = "theme"


def theme_faults(theme: Mapping[str, str]) -> Iterator[Fault]:
    """Everything that is wrong with `theme`."""
    for name, value in theme.items():
        message = (
            f"there is no {name[:40]!r}: a theme has {', '.join(NAMES)}" if name not in NAMES else _fault(name, value)
        )
        if message is not None:
            yield Fault(f"{FIELD}.{name[:40]}", "malformed" if name in NAMES else "unknown", message)
    background, text = colour_of(theme, BACKGROUND), colour_of(theme, TEXT)
    if background is not None and text is not None and contrast(text, background) < LEAST_CONTRAST:
        ratio = contrast(text, background)
        message = (
            f"the text can hardly be read on the background: their contrast is {ratio:.1f}, and has to be "
            f"{LEAST_CONTRAST}; or leave one of them out, which is chosen then"
        )
        yield Fault(f"{FIELD}.{TEXT}", "out_of_range", message, {"at_least": LEAST_CONTRAST})


def colour_of(theme: Mapping[str, str], name: str) -> Colour | None:
    """The colour that `theme` gives; None where it gives none."""
    return parsed(theme.get(name, ""))


def _fault(name: str, value: str) -> str | None:
    if name in COLOURS:
        return None if parsed(value) is not None else f"{name} is a colour: #rgb or #rrggbb"
    if name == FONT:
        return None if value in FONTS else f"font is one of {', '.join(FONTS)}"
    if name == RADIUS:
        is_radius = value.isascii() and value.isdigit() and len(value) <= 2 and int(value) <= MOST_RADIUS_PIXELS
        return None if is_radius else f"radius is 0 to {MOST_RADIUS_PIXELS}, in pixels"
    is_title = len(value.strip()) > 0 and len(value) <= MOST_TITLE_CHARACTERS and value.isprintable()
    return None if is_title else f"title is 1 to {MOST_TITLE_CHARACTERS} printable characters"
