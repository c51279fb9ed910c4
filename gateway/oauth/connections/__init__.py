"""Connections: stored, found, shown. Keeping their tokens alive is `refreshing`'s matter, ending them `ending`'s."""
