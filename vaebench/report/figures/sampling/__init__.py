"""Figures of samplers over a study: `name(summary, palette)`."""

SCOPE = "study"
INPUTS = ("summary",)
VIEW = "samples"
