"""How codes separate factors of variation."""

SUBJECT = "factors"
