"""Figures of trainings: `name(history, palette)`."""

SCOPE = "study"
INPUTS = ("history",)
