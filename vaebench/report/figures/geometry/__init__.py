"""Figures of the latent geometry of one dataset, architecture and latent size: `name(geometries, palette)`."""
