"""Figures of trainings that did not diverge: `name(history, summary, palette)`."""

SCOPE = "block"
INPUTS = ("history", "compute", "summary")
