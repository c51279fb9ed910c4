"""Scopes that were granted against those that were asked for, as providers tell them."""

from __future__ import annotations

from gateway.oauth.connections.scopes import missing
from tests.services.for_each import for_each


@for_each(
    [
        (["repo", "gist"], None, ()),
        (["repo", "gist"], ["gist", "repo", "user"], ()),
        (["repo", "gist"], ["gist"], ("repo",)),
        (["b", "a"], [], ("b", "a")),
        # GitHub: what a broader one covers is left out.
        (["repo:status", "user:email", "user"], ["repo", "user"], ()),
        (["read:org", "write:org"], ["admin:org"], ()),
        (["admin:org"], ["read:org"], ("admin:org",)),
        (["user"], ["user:email"], ("user",)),
        # Google and Microsoft: URLs for short names.
        (["email", "openid"], ["https://www.googleapis.com/auth/userinfo.email"], ()),
        (["User.Read", "offline_access"], ["https://graph.microsoft.com/User.Read"], ()),
        (["https://www.googleapis.com/auth/drive"], ["https://www.googleapis.com/auth/drive.readonly"],
         ("https://www.googleapis.com/auth/drive",)),
        # Slack and HubSpot: the person's own, told with another token, and those that may be refused.
        (["chat:write", "user_scope=search:read", "optional_scope=tickets"], ["chat:write"], ()),
    ]
)  # fmt: skip
def test_what_is_missing(case: tuple[list[str], list[str] | None, tuple[str, ...]]) -> None:
    asked, granted, expected = case
    assert missing(asked, granted) == expected
