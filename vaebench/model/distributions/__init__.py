"""Distributions over latent vectors whose noise comes from the ambient stream, so that runs can be stacked."""
