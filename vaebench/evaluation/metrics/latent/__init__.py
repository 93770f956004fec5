"""How latents are used."""

QUESTION = "codes"
