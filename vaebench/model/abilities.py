"""What a model is able to do, and why it is not: what metrics and samplers may need of a flavour."""

from __future__ import annotations

import torch
from torch.distributions import Distribution

from vaebench.geometry.manifolds import space_of
from vaebench.model.distributions.codes import Code
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE, Draw

REASONS = {
    "posterior": "its encoder is deterministic and has no posterior density",
    "draws": "its posterior is a single code, so that importance sampling adds nothing to the ELBO",
    "prior": "it has no prior",
    "likelihood": "its decoder has no likelihood",
    "gaussian": "its posterior or prior is not a diagonal Gaussian",
    "euclidean": "its latents lie on a curved manifold or are discrete: a coordinate is no unit",
    "codes": "its latents are not discrete codes",
    "gaussian_posterior": "its posterior is not a diagonal Gaussian",
    "density": "the density of its posterior is not known at any latent, but only at its own draws",
    "continuous": "its latents are discrete",
    "sphere": "its latents do not lie on a sphere",
    "ball": "its latents do not lie in the Poincaré ball",
    "learned_metric": "it learns no Riemannian metric",
    "compression": "its latents are the images themselves",
    "images": "the data are no images of pixels in [0, 1]",
}


def lacks(model: VAE, need: str, *, scale: str = "unit", draw: Draw | None = None) -> str:
    """Why the model, or data of a ``scale``, do not have what is needed (a key of `REASONS`); empty if they have it.

    ``draw`` is one of the model's passes, of which only the kinds of its distributions are looked at.
    """
    if need == "likelihood" and model.own_likelihood:
        return model.own_likelihood
    if draw is None:
        with torch.no_grad():
            draw = model(model.like.new_zeros(1, *model.recipe.image))
    space = space_of(draw.q)
    has = {
        "posterior": not isinstance(draw.q, Delta),
        "draws": not isinstance(draw.q, Code),
        "prior": draw.p is not None,
        "likelihood": not isinstance(draw.px, Delta),
        "gaussian": isinstance(draw.q, Gaussian) and isinstance(draw.p, Gaussian),
        "gaussian_posterior": isinstance(draw.q, Gaussian),
        "density": _dense(draw.q),
        "euclidean": space == "euclidean",
        "continuous": space != "discrete",
        "sphere": space == "sphere",
        "ball": space == "ball",
        "codes": hasattr(draw.q, "masses"),
        "learned_metric": model.learned_metric is not None,
        "compression": not isinstance(draw.q, Delta) or draw.z.shape[-1] < draw.pixels,
        "images": scale == "unit",
    }
    return "" if has[need] else REASONS[need]


def _dense(q: Distribution) -> bool:
    """Whether a posterior's density is known at any latent, and not only at its own last draw."""
    if isinstance(q, Delta | Code):
        return False
    with torch.no_grad():
        try:
            q.log_prob(q.mean.clone())
        except (NotImplementedError, AssertionError, ValueError):
            return False
    return True
