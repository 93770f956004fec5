"""What neighbours among codes tell."""

QUESTION = "geometry"
SUBJECT = "survey"
