"""Deterministic codes."""
