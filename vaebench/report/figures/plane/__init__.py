"""Figures of two-dimensional latent spaces: `name(geometries, palette)`."""

QUESTION = "geometry"
SCOPE = "block"
INPUTS = ("geometry",)
LATENT = 2
