"""Integrations: added, changed, given back an earlier configuration, tested, removed."""
