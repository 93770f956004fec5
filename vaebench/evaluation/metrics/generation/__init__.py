"""How good samples are."""

SUBJECT = "samples"
