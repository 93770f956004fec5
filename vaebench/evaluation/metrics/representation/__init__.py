"""What codes tell."""

SUBJECT = "representation"
