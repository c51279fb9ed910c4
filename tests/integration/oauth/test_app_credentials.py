"""App credentials: added, changed, given other secrets, switched off, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.errors import Conflict, InvalidInput, LimitReached, NotFound
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.app_credentials.changes import AppChange, NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.management import add_app, change_app, disable_app, enable_app, rotate_app
from gateway.oauth.app_credentials.removal import remove_app
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.app_credentials.search import show_app
from gateway.oauth.models import Connection, VaultEntry
from gateway.tenants.acting import Acting, act, act_for_system
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.draft import TenantChange
from gateway.tenants.management import change_tenant
from tests.services.acting import TESTER

DRAFT = AppDraft("github", "github", client_id=" id-1 ", client_secret=" shh-1\n", scopes=["repo", "repo"])


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


@pytest.fixture
def acting(installation: Installation) -> Iterator[Acting]:
    with act(installation, actor=TESTER, write=True) as acting:
        yield acting


def secrets(acting: Acting, app_id: str) -> dict[str, str]:
    return vault.read(acting.session, acting.keyring, app_id)


def connect(acting: Acting, app_id: str, id_: str = "conn_1", state: str = "connected") -> None:
    now = acting.now
    times = {"scheduled_at": now, "connected_at": now, "created_at": now, "updated_at": now}
    facts = {"provider": "github", "way": "authorization_code", "scopes_asked": [], "parameters": {}, "kept": {}}
    acting.session.add(Connection(id=id_, app_credentials_id=app_id, state=state, **times, **facts))
    acting.session.flush()


def test_what_was_pasted_is_tidied_and_the_secret_is_sealed(acting: Acting) -> None:
    added = add_app(acting, DRAFT)
    assert (added.client_id, added.scopes, added.secrets) == ("id-1", ["repo"], ("client_secret",))
    assert added.redirect_uri == "http://127.0.0.1:8000/oauth/github/callback"
    assert secrets(acting, added.id) == {"client_secret": "shh-1"}
    assert "shh-1" not in repr(DRAFT)
    with pytest.raises(Conflict, match="already"):
        add_app(acting, DRAFT)


def test_an_entry_is_found_by_another_name_and_one_without_oauth_is_said(acting: Acting) -> None:
    keep = {"client_id": "id-1", "client_secret": "shh"}
    provider = next(one for one in acting.installation.catalogue.values() if one.oauth is not None and one.oauth.also)
    assert provider.oauth is not None
    assert add_app(acting, AppDraft("other", provider.oauth.also[0], **keep)).provider == provider.id
    with pytest.raises(NotFound, match="githup"):
        add_app(acting, AppDraft("apps", "githup", **keep))
    with pytest.raises(InvalidInput, match="by OAuth"):
        add_app(acting, AppDraft("apps", "generic", **keep))


def test_only_what_is_named_changes(acting: Acting) -> None:
    added = add_app(
        acting, AppDraft("shop", "shopify", client_id="id-1", client_secret="shh", parameters={"shop": "a"})
    )
    assert change_app(acting, "shop", AppChange()) == added
    changed = change_app(acting, added.id, AppChange(scopes=["read_orders"], parameters={"shop": ""}))
    assert (changed.scopes, changed.parameters, changed.client_id) == (["read_orders"], {}, "id-1")
    assert change_app(acting, "shop", AppChange(scopes=None)).scopes is None
    with pytest.raises(InvalidInput, match="no parameter 'shoop'"):
        change_app(acting, "shop", AppChange(parameters={"shoop": "b"}))


def test_a_new_secret_takes_the_place_of_the_old_one(acting: Acting) -> None:
    added = add_app(acting, DRAFT)
    rotate_app(acting, "github", NewSecrets(client_secret=" shh-2 "))
    assert secrets(acting, added.id) == {"client_secret": "shh-2"}
    for nothing in (NewSecrets(), NewSecrets(client_secret="  ")):
        with pytest.raises(InvalidInput):
            rotate_app(acting, "github", nothing)
    assert secrets(acting, added.id) == {"client_secret": "shh-2"}


def test_live_connections_hold_their_app(acting: Acting) -> None:
    added = add_app(acting, DRAFT)
    connect(acting, added.id)
    connect(acting, added.id, "conn_2", "needs_reauth")
    connect(acting, added.id, "conn_3", "revoked")
    counts = show_app(acting, "github").connections
    assert (counts.connected, counts.needs_reauth, counts.total) == (1, 1, 2)
    with pytest.raises(Conflict, match="2 live connections") as raised:
        remove_app(acting, "github")
    assert raised.value.hints[0].action == "revoke_connections"
    with pytest.raises(Conflict, match="belong to the app as it is"):
        change_app(acting, "github", AppChange(client_id="id-2"))
    change_app(acting, "github", AppChange(scopes=["gist"]))
    for row in acting.session.scalars(select(Connection)):
        row.state = "revoked"
    change_app(acting, "github", AppChange(client_id="id-2"))
    remove_app(acting, "github")
    assert acting.session.scalars(select(VaultEntry)).all() == []
    with pytest.raises(NotFound):
        show_app(acting, "github")


def test_they_are_switched_off_and_on(acting: Acting) -> None:
    add_app(acting, DRAFT)
    assert [disable_app(acting, "github").state for _ in range(2)] == ["disabled", "disabled"]
    assert [enable_app(acting, "github").state for _ in range(2)] == ["enabled", "enabled"]


def test_those_whose_provider_is_gone_are_shown_out_of_order(acting: Acting) -> None:
    added = add_app(acting, DRAFT)
    require_app(acting.session, added.id).provider = "nowhere"
    shown = show_app(acting, "github")
    assert (shown.state, shown.redirect_uri) == ("out_of_order", None)
    assert shown.out_of_order is not None
    assert "nowhere" in shown.out_of_order.detail


def test_a_tenant_has_so_many(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        add_app(acting, DRAFT)
    limits = {"app_credentials": 1}
    with act_for_system(installation, actor=TESTER, write=True) as system:
        change_tenant(system, "default", TenantChange(limits, None))
    with act(installation, actor=TESTER, write=True) as acting, pytest.raises(LimitReached, match="app_credentials"):
        add_app(acting, AppDraft("other", "github", client_id="id-1", client_secret="shh"))


def test_each_change_is_in_the_audit_trail_and_no_secret_is(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        add_app(acting, DRAFT)
        change_app(acting, "github", AppChange(client_id="id-2"))
        rotate_app(acting, "github", NewSecrets(client_secret="shh-2"))
        disable_app(acting, "github")
        enable_app(acting, "github")
        remove_app(acting, "github")
    with act(installation, actor=TESTER) as acting:
        rows = acting.session.scalars(select(AuditRow).order_by(AuditRow.number)).all()
    told = ("added", "changed", "rotated", "disabled", "enabled", "removed")
    assert [row.action for row in rows] == [f"app_credentials.{word}" for word in told]
    assert "id-1" in rows[1].before
    assert "shh" not in repr([(row.before, row.after) for row in rows])
