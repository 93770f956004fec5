"""What images do between codes."""

SUBJECT = "survey"
