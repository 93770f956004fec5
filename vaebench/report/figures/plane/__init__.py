"""Figures of two-dimensional latent spaces of one dataset and architecture: `name(geometries, palette)`."""
