r"""A variational autoencoder is three conditional distributions: $q(z|x)$, $p(z)$ and $p(x|z)$."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from vaebench import random
from vaebench.errors import VaebenchError

Images = Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Draw:
    r"""One pass: $z \sim q(z|x)$, and the distributions met on the way (without a prior, ``p`` is None).

    ``x`` is the target (batch, channels, height, width), ``z`` is (*samples, batch, latent); all values below are in
    nats. Where $q$ or $p$ is a marginal over auxiliary variables, its log density is an unbiased estimate's logarithm,
    so that ``log_w`` still gives lower bounds of $\log p(x)$.
    """

    x: Tensor
    z: Tensor
    q: Distribution
    p: Any
    decoder: nn.Module

    @property
    def pixels(self) -> int:
        """Number of values in an image: what a weight in nats per pixel is multiplied by."""
        return self.x[0].numel()

    @cached_property
    def px(self) -> Distribution:
        """$p(x|z)$, decoded when asked for."""
        return self.decoder(self.z)

    @property
    def log_px(self) -> Tensor:
        r"""$\log p(x|z)$, shape (*samples, batch)."""
        return self.px.log_prob(self.x)

    @property
    def kl(self) -> Tensor:
        r"""$\mathrm{KL}(q(z|x) \| p(z))$: in closed form where the pair has one, else its estimate at ``z``."""
        try:
            return kl_divergence(self.q, self.p)
        except NotImplementedError:
            return self.q.log_prob(self.z) - self.p.log_prob(self.z)

    @property
    def log_w(self) -> Tensor:
        r"""Log importance weight $\log p(x, z) - \log q(z|x)$, shape (*samples, batch)."""
        return self.log_px + self.p.log_prob(self.z) - self.q.log_prob(self.z)


class VAE(nn.Module):
    """``encoder``, ``prior`` and ``decoder``; every further part of a flavour is a further submodule.

    The encoder maps images to a distribution of latents, the prior maps the encoder to a distribution of latents, and
    the decoder maps latents to a distribution of images. ``prior`` is None for a flavour that has none. A part named
    ``posterior``, if any, maps the model, the encoder's distribution, the images that this has seen, and targets, to a
    better distribution, which depends on the former alone.

    Two things a part may declare: a decoder whose likelihood is not the study's says why in ``own_likelihood``,
    and a posterior that learns a Riemannian metric has a method ``metric``, the model to that metric.
    """

    encoder: nn.Module
    prior: nn.Module | None
    decoder: nn.Module
    posterior: nn.Module | None
    recipe: Any = None  # the `vaebench.model.recipe.Recipe` that it was built from, if any

    def __init__(self, **parts: nn.Module | None) -> None:
        super().__init__()
        for name, part in parts.items():
            self.register_module(name, part)

    @property
    def own_likelihood(self) -> str:
        """Why the likelihood of images is not the study's; empty if it is."""
        return getattr(self.decoder, "own_likelihood", "")

    @property
    def learned_metric(self) -> Any:
        """Latents (points, latent) to the learned metric there (points, latent, latent); None if none is learned."""
        learn = getattr(self.posterior, "metric", None)
        return learn(self) if learn else None

    def forward(self, x: Images, *samples: int) -> Draw:
        """Draw ``samples`` latents for each image; without ``samples``, one each and no sample axis.

        Of a pair (input, target) the encoder sees the input, and the likelihood is that of the target.
        """
        observed, target = x if isinstance(x, tuple) else (x, x)
        q = self.encoder(observed)
        if self.posterior is not None:
            q = self.posterior(self, q, observed, target)
        z = q.rsample(torch.Size(samples))
        p = self.prior(self.encoder) if self.prior is not None else None
        return Draw(target, z, q, p, self.decoder)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        r"""$\log p(x, z)$ in nats, shape (*samples, batch)."""
        assert self.prior is not None
        return self.decoder(z).log_prob(x) + self.prior(self.encoder).log_prob(z)

    @property
    def like(self) -> Tensor:
        """A tensor of the model's type where the model is."""
        found = next(filter(Tensor.is_floating_point, chain(self.parameters(), self.buffers())), None)
        return torch.empty(0) if found is None else found

    @cached_property
    def width(self) -> int:
        """Coordinates of a latent: one more than the latent size on a sphere, say."""
        with torch.no_grad():
            return self.encoder(self.like.new_zeros(1, *self.recipe.image)).mean.shape[-1]

    def encode(self, x: Tensor) -> Tensor:
        """Point estimate of the latents: the mean of the encoder's distribution, (batch, latent). Draws nothing.

        Raises `VaebenchError` for what is not a tensor (batch, channels, height, width) of the model's type and device.
        """
        self._fit("images", x, self.recipe.image if self.recipe else ())
        return self.encoder(x).mean

    def decode(self, z: Tensor) -> Tensor:
        """Mean image of each latent (..., latent): (..., channels, height, width). Raises `VaebenchError`."""
        self._fit("latents", z, (self.width,) if self.recipe else ())
        return self.decoder(z).mean

    def sample(self, count: int, seed: int) -> Tensor:
        """Mean images of ``count`` draws from the prior; raises `VaebenchError` for no prior or no such count."""
        if self.prior is None:
            raise VaebenchError("this flavour has no prior to sample from: decode latents of your own")
        for name, value, least in (("count", count, 1), ("seed", seed, 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise VaebenchError(f"sample: {name}: {value!r} is not an integer >= {least}")
        with random.stream(torch.tensor(random.key(seed, "sample"), device=self.like.device)):
            return self.decode(self.prior(self.encoder).rsample(torch.Size((count,))))

    def _fit(self, what: str, values: Any, shape: Sequence[int]) -> None:
        """Raise `VaebenchError` if values (..., *shape) cannot be given to the model; looks at no value."""
        like = self.like
        mend = f"give them to vaebench.{'encode' if what == 'images' else 'decode'}, which takes arrays"
        if not isinstance(values, Tensor):
            raise VaebenchError(f"{what}: {type(values).__name__} is not a tensor: {mend}")
        if values.dtype != like.dtype or values.device != like.device:
            found, wanted = (f"{tensor.dtype} on {tensor.device}" for tensor in (values, like))
            raise VaebenchError(f"{what}: {found}, the model is {wanted}: {mend}")
        if tuple(values.shape[values.dim() - len(shape) :]) != tuple(shape):
            raise VaebenchError(f"{what}: {tuple(values.shape)} is not (..., {', '.join(map(str, shape))})")
