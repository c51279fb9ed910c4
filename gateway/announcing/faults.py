"""What goes wrong with a broker, in our own words."""

from __future__ import annotations


class BrokerAway(Exception):
    """The broker did not answer in time, or refused. What it says is for people, and holds no password."""
