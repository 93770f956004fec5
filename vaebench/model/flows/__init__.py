r"""Invertible maps of latents: what flow posteriors and flow priors are made of.

A transform maps latents $z$ (*samples, batch, latent) and a context (batch, features), or None, to $(z', \log|\det
\partial z'/\partial z|)$, the latter in nats, (*samples, batch). Its ``inverse`` does the same for the way back.

Coupling and autoregressive layers are one class: a coordinate moves affinely, as the context and the coordinates of
lower degree say. Degrees 1, 2, 3, ... make a masked autoregression, two degrees a coupling of two halves. The half of
degree 1 moves as the context alone says (elementwise affine; without context by learned constants, as Glow's actnorm),
where NICE and RealNVP keep it. So a single latent needs no special case: it moves as such a half does.
"""
