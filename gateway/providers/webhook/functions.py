"""The names of the verification functions that a catalogue file may ask for.

They are for what the notation cannot express; their code is in `gateway.webhooks.verification.functions`, which a
contract test holds to this list.
"""

from __future__ import annotations

FUNCTIONS = frozenset({"contentful", "generic_hmac", "paddle_classic", "plivo_v3", "segment_batch", "truelayer_jws"})
