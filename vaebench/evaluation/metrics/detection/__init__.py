"""Telling other data from its own."""

QUESTION = "likelihood"
SUBJECT = "foreign"
