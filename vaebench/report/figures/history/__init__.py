"""Figures of trainings that did not diverge: `name(history, palette)`."""

SCOPE = "study"
INPUTS = ("history", "compute")
