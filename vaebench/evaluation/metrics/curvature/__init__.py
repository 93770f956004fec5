"""How curved images are over the latent space."""

SUBJECT = "survey"
