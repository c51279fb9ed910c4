"""Trying a key, or a name with a password: by asking whose it is, or by the first list of the API."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.installation import Installation
from gateway.oauth.calling.plan import ApiPlan
from gateway.oauth.protocol.http import http_of
from gateway.oauth.trying.attempt import Finding, Trial, attempt, judge_for
from gateway.oauth.trying.request import request_of_key
from gateway.providers import Provider


def try_key(installation: Installation, provider: Provider, plan: ApiPlan, parameters: Mapping[str, str]) -> Trial:
    """Whether the credentials of `plan` are taken. Raises `InvalidInput` for parameters."""
    call = request_of_key(provider, parameters)
    if call is None:
        return Trial(finding=Finding.UNTRIED, detail="the catalogue has no request that would tell whether it works")
    return attempt(
        http_of(installation),
        plan,
        call,
        judge=judge_for(provider),
        oauth=provider.oauth,
        clock=installation.clock,
    )
