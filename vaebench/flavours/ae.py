r"""Autoencoder: a deterministic code, no prior, and the likelihood alone."""

from ..flavour import flavour
from ..parts import point_encoder


@flavour(encoder=point_encoder, prior=None)
def ae(vae, x):
    r"""$-\log p(x|z = \mu(x))$"""
    return {"distortion": -vae(x).log_px}
