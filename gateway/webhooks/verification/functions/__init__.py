"""Verification that the catalogue's notation cannot express, one function per file, by the name entries use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.functions.contentful import contentful
from gateway.webhooks.verification.functions.paddle_classic import paddle_classic
from gateway.webhooks.verification.functions.plivo_v3 import plivo_v3
from gateway.webhooks.verification.functions.segment_batch import segment_batch
from gateway.webhooks.verification.functions.truelayer_jws import truelayer_jws
from gateway.webhooks.verification.verify import Verify

FUNCTIONS: Mapping[str, Callable[[Scheme], Verify]] = {
    "contentful": contentful,
    "paddle_classic": paddle_classic,
    "plivo_v3": plivo_v3,
    "segment_batch": segment_batch,
    "truelayer_jws": truelayer_jws,
}

__all__ = ["FUNCTIONS"]
