"""How the rate splits."""
