"""Telling other data from its own."""

SUBJECT = "foreign"
