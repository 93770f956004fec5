"""Other distortions."""
