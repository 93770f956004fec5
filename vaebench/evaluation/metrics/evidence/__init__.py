"""How probable a few test images are, whatever the posterior."""

SUBJECT = "model"
