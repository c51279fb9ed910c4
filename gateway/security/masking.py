"""Masking: documents without secrets and personal data, to be kept where many may read them. Pure.

By name where a member's name tells (`email`, `first_name`, `address` with all that is in it), by form wherever it
stands (addresses of mail, telephone and card numbers, IP addresses, secrets as `redaction` knows them). A value that is
masked by its name is masked wherever else it stands, by the same mask, so that what belonged together still does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.security.redaction import REDACTED, is_secret_name, redact_text
from gateway.security.sealed_text import SEALED

MAX_DEPTH: Final = 100
# What is shorter is found in any text.
SHORTEST_IN_TEXT: Final = 4

_PERSONAL = re.compile(
    r"e_?mail|phone|mobile|(?:^|_)fax|(?:first|last|full|given|family|middle|real|display|user|nick|maiden|sur)_?name"
    r"|^login$|street|address|^city$|zip|post(?:al)?_?code|birth|gender|(?:^|_)ssn|social_security|tax_?id|passport"
    r"|iban|account_?number|card_?number|(?:^|_)last_?4$|latitude|longitude|^ip$|^ip_|_ip$|avatar|gravatar"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_TELEPHONE = re.compile(r"(?<!\w)\+\d[\d ()./-]{6,18}\d(?!\w)")
_ADDRESS = re.compile(r"(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.])")
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")


@dataclass(slots=True)
class Masker:
    """Masks one document. `also` are names of members that are masked besides, `keep` those that are not by their name;
    `count` is how much was masked.
    """

    also: Collection[str] = ()
    keep: Collection[str] = ()
    count: int = 0
    _masks: dict[str, str] = field(default_factory=dict)
    _last: int = 0
    _in_text: re.Pattern[str] | None = None

    def document(self, value: Any) -> Any:
        """A document of JSON, masked."""
        self._learn(value, personal=False, depth=MAX_DEPTH)
        long = sorted((one for one in self._masks if len(one) >= SHORTEST_IN_TEXT), key=len, reverse=True)
        if long:
            self._in_text = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, long))})(?!\w)")
        return self._masked(value, None, personal=False, depth=MAX_DEPTH)

    def text(self, text: str) -> str:
        """A text, masked by what was found in the document and by form."""
        if text in self._masks:
            masked = self._masks[text]
        else:
            masked = text if self._in_text is None else self._in_text.sub(lambda match: self._masks[match[0]], text)
            masked = _MAIL.sub(lambda match: self._mask(match[0]), SEALED.sub(REDACTED, masked))
            masked = _TELEPHONE.sub(lambda match: self._mask(match[0]), masked)
            masked = _ADDRESS.sub(lambda match: self._mask(match[0]), masked)
            masked = redact_text(_CARD.sub(lambda match: _card(match[0]), masked))
        self.count += masked != text
        return masked

    def _learn(self, value: Any, *, personal: bool, depth: int) -> None:
        if depth == 0:
            return
        if isinstance(value, Mapping):
            for name, item in value.items():
                self._learn(item, personal=personal or self._is_personal(name, value), depth=depth - 1)
        elif isinstance(value, list):
            for item in value:
                self._learn(item, personal=personal, depth=depth - 1)
        elif personal and isinstance(value, str) and value:
            self._mask(value)

    def _masked(self, value: Any, name: str | None, *, personal: bool, depth: int) -> Any:
        if depth == 0:
            return REDACTED
        if isinstance(value, Mapping):
            return {
                self.text(key): self._masked(
                    item, key, personal=personal or self._is_personal(key, value), depth=depth - 1
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._masked(item, name, personal=personal, depth=depth - 1) for item in value]
        if value is None or isinstance(value, bool):
            return value
        is_secret = name is not None and name not in self.keep and is_secret_name(name)
        if isinstance(value, str):
            if is_secret and value:
                self.count += 1
                return REDACTED
            return self.text(value)
        if personal or is_secret:
            self.count += 1
            return 0
        return value

    def _is_personal(self, name: str, beside: Mapping[str, Any]) -> bool:
        if name in self.keep:
            return False
        return name in self.also or _tells(name) or (name == "name" and any(map(_tells, beside)))

    def _mask(self, value: str) -> str:
        known = self._masks.get(value)
        if known is None:
            self._last += 1
            number = self._last
            if _MAIL.fullmatch(value):
                known = f"person-{number}@example.com"
            elif _ADDRESS.fullmatch(value):
                known = f"192.0.2.{number % 256}"
            else:
                known = f"+1555{number:07}" if _TELEPHONE.fullmatch(value) else f"masked-{number}"
            # A mask that is met again stays.
            self._masks[value] = self._masks[known] = known
        return known


def _tells(name: str) -> bool:
    return _PERSONAL.search(_HUMP.sub("_", name).lower().replace("-", "_")) is not None


def _card(text: str) -> str:
    """A card number by Luhn's check as a row of zeros, anything else as it is."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if index % 2 else digit for index, digit in enumerate(reversed(digits))]
    return "0" * len(digits) if sum(doubled) % 10 == 0 else text
