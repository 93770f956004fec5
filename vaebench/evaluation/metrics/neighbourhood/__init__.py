"""What neighbours among codes tell."""

SUBJECT = "survey"
