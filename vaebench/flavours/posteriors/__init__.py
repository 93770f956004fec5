"""Richer posteriors."""
