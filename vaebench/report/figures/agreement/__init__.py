"""Figures of the agreement across seeds: `name(distances, agreement, palette)`."""

QUESTION = "seeds"
SCOPE = "block"
INPUTS = ("distances", "agreement")
