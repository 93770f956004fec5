"""A sampler: a law of latents for a model whose weights stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench import random
from vaebench.errors import Missing
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded


class Sampler(nn.Module):
    """``fit`` learns from the codes of training images, and sets all that it learns as buffers or submodules.

    ``prepare`` makes the submodules, whose shapes are a function of the model alone, so that a fitted sampler can be
    read back. All noise is of the ambient stream, or a function of the seed.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def prepare(self, vae: VAE) -> None:
        """Make the submodules, if any."""

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        """Learn from the codes of training images; raises `Missing` where nothing can be learnt."""
        raise NotImplementedError

    def sample(self, vae: VAE, count: int) -> Tensor:
        """Latents, (count, latent)."""
        raise NotImplementedError

    def density(self, vae: VAE) -> Distribution:
        """The law of latents, where it has a density; raises `Missing` where it has none."""
        raise Missing(f"sampler '{type(self).__name__}' has no density")

    def keep(self, **tensors: Tensor) -> None:
        """Set buffers by name."""
        for name, value in tensors.items():
            self.register_buffer(name, value.detach().clone())

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set what a fitted sampler's ``state_dict`` held, after `prepare`."""
        own = self.state_dict()
        self.keep(**{name: value for name, value in tensors.items() if "." not in name and name not in own})
        self.load_state_dict(dict(tensors))


def standardised(codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (n, latent) less their mean, over their deviation, and these two (latent,).

    A coordinate that hardly varies beside the others, as a collapsed one, is not blown up.
    """
    mean, deviation = codes.mean(0), codes.std(0)
    deviation = deviation.clamp_min(1e-3 * float(deviation.max()))
    return (codes - mean) / deviation, mean, deviation


def clusters(codes: Tensor, most: int, key: int) -> tuple[Tensor, Tensor]:
    """Which of at most so many k-means clusters each code (n, latent) is in, (n,), and which code is central in each.

    There are no more clusters than different codes.
    """
    count = min(most, len(codes.unique(dim=0)))
    found = KMeans(count, n_init=1, random_state=key % 2**32).fit(codes.double().cpu().numpy())
    which, centres = torch.from_numpy(found.labels_).long(), torch.from_numpy(found.cluster_centers_)
    elsewhere = which != torch.arange(count)[:, None]
    central = torch.cdist(centres, codes.double().cpu()).masked_fill(elsewhere, torch.inf).argmin(1)
    return which.to(codes.device), central.to(codes.device)


def batch(count: int, available: int, like: Tensor) -> Tensor:
    """Indices of ``count`` of so many, drawn uniformly with replacement."""
    return (random.uniform((count,), like) * available).long()


def choose(weights: Tensor, count: int) -> Tensor:
    """Indices of ``count`` components, drawn by their weights (components,)."""
    return (random.uniform((count, 1), weights) > weights.cumsum(0)[:-1]).sum(-1)


def descend(model: nn.Module, loss: Callable[[int], Tensor], steps: int, learning_rate: float) -> None:
    """Adam with a cosine schedule on ``loss(step)``."""
    optimiser = torch.optim.Adam(model.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with torch.enable_grad():
        for step in range(steps):
            optimiser.zero_grad()
            loss(step).backward()
            optimiser.step()
            schedule.step()
    model.requires_grad_(False)
