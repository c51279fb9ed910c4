"""Answers of a system, recorded once and given again: for tests of code that calls it."""
