"""How latents are used."""
