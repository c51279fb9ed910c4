"""Tokens that stay alive: renewed once for all threads, processes and machines, ahead of their end where known."""
