"""Another encryption key: everything that is sealed is sealed anew with the first key, while the gateway runs."""
