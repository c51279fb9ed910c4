"""Whether an answer is a refusal, and what it says: by RFC 6749 (5.2), and as the entry has it. Pure.

Of what a provider says, a code and a sentence are taken, short and readable, without any of the secrets that were sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from gateway.clients.stripping import without
from gateway.oauth.protocol.bodies import at
from gateway.oauth.protocol.errors import ProviderError, ProviderRefused, ProviderUnavailable
from gateway.providers.oauth.model import Answer

MAX_DESCRIPTION = 300
_CODE = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
# Where those say it who keep to no standard, and whose entry does not say either.
_CODES = ("error", "error.code", "error.type", "code", "errorCode", "error_code", "status", "type")
_MESSAGES = ("error_description", "error.message", "message", "error_message", "errorMessage", "msg", "detail")


def refusal(
    answer: Answer, status: int, document: Mapping[str, Any] | None, *, secrets: Collection[str] = ()
) -> ProviderError | None:
    """What an answer refuses; None for one that does not. `document` None: nothing of it can be read.

    Neither for 429 nor for 5xx, which are no refusals. 4xx without any reason is one only where it says that what was
    sent is wrong (400, 401): another may be of something on the way.
    """
    if document is None:
        return _without_code(status, None) if status >= 400 else None
    if not _is_refused(answer, status, document):
        return None
    code = said_code(answer, status, document, secrets=secrets)
    description = _description(answer, document, code, secrets)
    return _without_code(status, description) if code is None else ProviderRefused(code, description)


def said_code(
    answer: Answer, status: int, document: Mapping[str, Any] | None, *, secrets: Collection[str] = ()
) -> str | None:
    """The code that a failing answer names; one that repeats the status says nothing."""
    for path in (answer.error_code, *_CODES) if document is not None else ():
        found = at(path, document)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and _CODE.fullmatch(found) and found != str(status):
            return _safe(found, secrets)
    return None


def _is_refused(answer: Answer, status: int, document: Mapping[str, Any]) -> bool:
    if status >= 400:
        return True
    if answer.ok is not None:
        return at(answer.ok, document) is not True
    says_error = bool(at(answer.error_code, document) or document.get("error"))
    if answer.error_in_success:
        return says_error
    # What nobody told us of is an error all the same, unless there is a token.
    return says_error and not document.get("access_token")


def _without_code(status: int, description: str | None) -> ProviderError:
    if status in {400, 401}:
        return ProviderRefused(f"http_{status}", description)
    if status < 400:
        return ProviderRefused("unknown_error", description)
    return ProviderUnavailable(
        f"the provider answered with status {status}, and no reason that is known", was_sent=False
    )


def _description(answer: Answer, document: Mapping[str, Any], code: str | None, secrets: Collection[str]) -> str | None:
    # An error that is a sentence is none of the codes.
    for path in (answer.error_message, *_MESSAGES, answer.error_code, "error"):
        found = at(path, document)
        if isinstance(found, str) and found != code and (plain := _readable(found)):
            return _safe(plain, secrets)
    return None


def _readable(text: str) -> str:
    shown = "".join(one if one.isprintable() else " " for one in text[: 2 * MAX_DESCRIPTION])
    plain = " ".join(shown.split())
    return plain if len(plain) <= MAX_DESCRIPTION else f"{plain[: MAX_DESCRIPTION - 1]}…"


def _safe(text: str, secrets: Collection[str]) -> str:
    return without(text, [secret for secret in secrets if secret])
