"""Curved latent spaces: hyperbolic space as a ball, and a Riemannian metric that is learned."""
