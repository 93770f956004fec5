"""Figures of what distances agree on and what they tell: `name(distances, agreement, summary, palette)`."""

QUESTION = "seeds"
SCOPE = "block"
INPUTS = ("distances", "agreement", "summary")
