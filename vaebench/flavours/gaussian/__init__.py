"""Gaussian posterior and prior."""
