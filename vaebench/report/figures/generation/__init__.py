"""Figures of what samplers draw: `name(galleries, palette)`."""

SCOPE = "block"
INPUTS = ("gallery",)
VIEW = "samples"
