r"""Autoencoder: a deterministic code, no prior, and the likelihood alone."""

from vaebench.model.flavour import flavour
from vaebench.model.parts.encoders import PointEncoder


@flavour(encoder=PointEncoder, prior=None)
def ae(vae, x):
    r"""$-\log p(x|z = \mu(x))$"""
    return {"distortion": -vae(x).log_px}
