"""Figures of the latent geometry: `name(geometries, palette)`."""

QUESTION = "geometry"
SCOPE = "block"
INPUTS = ("geometry",)
