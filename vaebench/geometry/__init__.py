r"""The geometry that a decoder gives its latent space: metrics, scalars, curvature, geodesics.

All of it works for any torch decoder, not only for ours. An *immersion* is a callable that maps latents (..., latent)
to points (..., ambient) of a Euclidean space; a decoder becomes one by `vaebench.geometry.metrics.immersion`. A value
that cannot be computed at a point is not a number, and `vaebench.geometry.scalars.reason` says why; a metric or a
manifold that does not exist raises `vaebench.errors.Missing` with the reason.
"""
