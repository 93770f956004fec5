"""How the rate splits."""

QUESTION = "likelihood"
