"""What the decoder's pull-back metric is like."""

SUBJECT = "survey"
