"""Feeds: new events of a gateway with their contents, for whoever lets them come to a server of their own."""

from __future__ import annotations
