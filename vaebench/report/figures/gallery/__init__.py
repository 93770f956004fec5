"""Figures of images and codes: `name(galleries, palette)`."""

SCOPE = "block"
INPUTS = ("gallery",)
