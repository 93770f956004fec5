"""Figures of the statistics of a study: `name(statistic, palette)`, of those that the figure's ``INPUTS`` name."""

SCOPE = "study"
QUESTION = "best"
