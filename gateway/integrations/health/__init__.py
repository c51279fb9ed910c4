"""How integrations are: what is looked at, when a check changes its mind, and who hears of it."""
