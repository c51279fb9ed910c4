"""What a change says of a part that it does not speak of: it stays as it is. None may be one of the part's values."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Kept(Enum):
    """Nothing is said of a part."""

    KEPT = "kept"


KEPT: Final = Kept.KEPT
