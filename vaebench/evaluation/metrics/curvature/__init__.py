"""How curved images are over the latent space."""

QUESTION = "geometry"
SUBJECT = "survey"
