"""Figures of samplers over a study: `name(summary, palette)`."""

QUESTION = "generation"
SCOPE = "study"
INPUTS = ("summary",)
VIEW = "samples"
