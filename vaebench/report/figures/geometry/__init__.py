"""Figures of the latent geometry: `name(geometries, palette)`."""

SCOPE = "block"
INPUTS = ("geometry",)
