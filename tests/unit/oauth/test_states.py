"""Which step leads from which state of a connection to which."""

from __future__ import annotations

import pytest

from gateway.errors import IllegalTransition
from gateway.oauth.states import TRANSITIONS, USABLE, ConnectionState, check_step


def test_every_state_has_its_steps_and_revoked_has_none() -> None:
    assert TRANSITIONS.keys() == set(ConnectionState)
    assert not TRANSITIONS[ConnectionState.REVOKED]
    assert all(ConnectionState.REVOKED in TRANSITIONS[state] for state in set(ConnectionState) - {"revoked"})
    assert ConnectionState.NEEDS_REAUTH not in USABLE


def test_what_is_broken_becomes_uncertain_only_by_working_first() -> None:
    check_step(ConnectionState.NEEDS_REAUTH, ConnectionState.CONNECTED)
    check_step(ConnectionState.CONNECTED, ConnectionState.CONNECTED)
    with pytest.raises(IllegalTransition, match="needs_reauth cannot become refresh_uncertain"):
        check_step(ConnectionState.NEEDS_REAUTH, ConnectionState.REFRESH_UNCERTAIN)
