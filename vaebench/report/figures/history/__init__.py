"""Figures of trainings that did not diverge: `name(history, summary, palette)`."""

QUESTION = "likelihood"
SCOPE = "block"
INPUTS = ("history", "compute", "summary")
