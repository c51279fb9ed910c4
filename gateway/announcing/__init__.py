"""Telling workers what a commit made due, so that they need not wait for their next look into the database.

Announcements decide nothing: one that is lost, late or doubled costs a look, or the time until the next one.
"""
