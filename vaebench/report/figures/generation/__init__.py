"""Figures of what samplers draw: `name(galleries, palette)`."""

QUESTION = "generation"
SCOPE = "block"
INPUTS = ("gallery",)
VIEW = "samples"
