"""Figures of two-dimensional latent spaces: `name(geometries, palette)`."""

SCOPE = "block"
INPUTS = ("geometry",)
LATENT = 2
