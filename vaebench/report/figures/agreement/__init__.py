"""Figures of the agreement across seeds: `name(distances, agreement, palette)`."""

SCOPE = "block"
INPUTS = ("distances", "agreement")
