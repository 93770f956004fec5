"""Discrete codes."""
