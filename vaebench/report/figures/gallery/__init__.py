"""Figures of one dataset, architecture and latent size: `name(galleries, palette)`."""
