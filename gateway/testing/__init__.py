"""For tests of applications that get events: signed ones, captured ones, and a gateway that calls handlers.

`plugin` is what pytest loads; it loads the rest when a test asks for it.
"""

from __future__ import annotations
