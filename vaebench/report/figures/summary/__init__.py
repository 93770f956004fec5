"""Figures over a whole study: `name(metrics, history, palette)`."""
