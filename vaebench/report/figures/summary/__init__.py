"""Figures of summaries over seeds: `name(summary, palette)`."""

SCOPE = "study"
INPUTS = ("summary",)
