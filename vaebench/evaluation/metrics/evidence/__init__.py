"""How probable a few test images are, whatever the posterior."""

QUESTION = "likelihood"
SUBJECT = "model"
