"""Connect sessions: one-time URLs, each for one customer of the application."""
