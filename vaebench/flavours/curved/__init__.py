"""Curved latent spaces."""
