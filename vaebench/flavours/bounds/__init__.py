"""Tighter bounds."""
