"""Accounts connected by a code that is entered elsewhere."""

from __future__ import annotations

from functools import partial

import pytest

from gateway.errors import InvalidInput
from gateway.oauth.flows.device import WaitingDevice, begin_device, poll_device
from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.flows.sessions.draft import ConnectSessionDraft
from gateway.oauth.flows.sessions.states import SessionState
from gateway.oauth.flows.steps import Ending
from gateway.oauth.protocol.errors import ProviderUnavailable
from gateway.tenants.acting import act
from tests.integration.oauth.flows.conftest import SQLITE, FlowsUnderTest
from tests.services.acting import TESTER
from tests.services.oauth_entries import OPENID, PLAIN

pytestmark = SQLITE


def begun(flows: FlowsUnderTest, app: str = "app") -> WaitingDevice:
    begin = partial(act, flows.installation, actor=TESTER, write=True)
    return begin_device(begin, ConnectSessionDraft(app, reference="customer-42"))


@pytest.mark.parametrize("provider", [PLAIN, OPENID])
def test_a_code_is_entered_elsewhere(flows: FlowsUnderTest, provider: str) -> None:
    flows.add_app(provider=provider)
    waiting = begun(flows)
    assert flows.shown(waiting.session_id).state is SessionState.OPENED
    again = poll_device(waiting)
    assert isinstance(again, WaitingDevice)
    flows.provider.approve_device(waiting.login.user_code)
    ended = poll_device(again)
    [connection] = flows.connections()
    assert isinstance(ended, Ending)
    assert (ended.outcome, ended.connection_id) == (Outcome.CONNECTED, connection.id)
    assert (connection.way, connection.reference, connection.account_id) == ("device_code", "customer-42", "user-1")
    assert flows.shown(waiting.session_id).connection == connection.id


def test_who_says_no_connects_nothing(flows: FlowsUnderTest) -> None:
    flows.add_app()
    waiting = begun(flows)
    flows.provider.approve_device(waiting.login.user_code, agrees=False)
    assert isinstance(poll_device(waiting), Ending)
    shown = flows.shown(waiting.session_id)
    assert (shown.state, shown.outcome, flows.connections()) == (SessionState.FAILED, "access_denied", [])


def test_a_code_that_nobody_enters_ends(flows: FlowsUnderTest) -> None:
    flows.add_app()
    waiting = begun(flows)
    flows.clock.advance(601)
    assert isinstance(poll_device(waiting), Ending)
    assert flows.shown(waiting.session_id).outcome == "device_code_expired"


def test_a_provider_that_is_away_is_told(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.provider.fail()
    with pytest.raises(ProviderUnavailable):
        begun(flows)


def test_where_there_are_no_codes_there_is_none(flows: FlowsUnderTest) -> None:
    flows.change_entries(grants={"authorization_code": {}}, parameters={"base": flows.base})
    flows.add_app()
    with pytest.raises(InvalidInput, match="not connected by device_code, but by authorization_code"):
        begun(flows)
