"""Colours as they are given for a page, and whether text can be read in them (WCAG 2.2, 1.4.3). Pure."""

from __future__ import annotations

import re

Colour = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""

FORM = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})", re.ASCII)
LEAST_CONTRAST = 4.5
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
STEPS = 10


def parsed(text: str) -> Colour | None:
    """`#rgb` or `#rrggbb` as a colour; None for any other text."""
    if not FORM.fullmatch(text):
        return None
    digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def written(colour: Colour) -> str:
    """`colour` as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def opposite(colour: Colour) -> Colour:
    """Black or white, which of them is read better on `colour`: always well enough."""
    return max((BLACK, WHITE), key=lambda one: contrast(one, colour))


def readable(colour: Colour, background: Colour) -> Colour:
    """`colour`, or the nearest towards black or white that can be read on `background`."""
    end = opposite(background)
    mixed = (_mixed(colour, end, step / STEPS) for step in range(STEPS + 1))
    return next(one for one in mixed if contrast(one, background) >= LEAST_CONTRAST)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
