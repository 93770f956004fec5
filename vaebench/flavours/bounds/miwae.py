r"""MIWAE. Rainforth et al. 2018, https://arxiv.org/abs/1802.04537.

The mean of ``groups`` (M) bounds of ``samples`` (K) each: a gradient for the encoder between those of the VAE (K = 1)
and of the IWAE (M = 1). For ``gradient`` see `vaebench.model.objectives.bounds.log_weights`.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.objectives.bounds import importance_weighted, log_weights
from vaebench.study.ranges import Count


@flavour()
def miwae(
    vae,
    x,
    *,
    groups: Count = 4,
    samples: Count = 8,
    gradient: Literal["standard", "doubly_reparameterised"] = "standard",
):
    r"""$-\frac1M \sum_{m=1}^M \log \frac1K \sum_{k=1}^K w_{mk}$"""
    return {"bound": -importance_weighted(log_weights(vae, x, groups, samples, gradient=gradient)).mean(0)}
