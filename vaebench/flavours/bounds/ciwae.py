r"""CIWAE. Rainforth et al. 2018, https://arxiv.org/abs/1802.04537.

With beta = 1 it is the VAE on ``samples`` latents, with beta = 0 the IWAE. For ``gradient`` see
`vaebench.model.objectives.bounds.log_weights`.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.objectives.bounds import importance_weighted, log_weights
from vaebench.study.ranges import Count, Fraction


@flavour()
def ciwae(
    vae,
    x,
    *,
    samples: Count = 8,
    beta: Fraction = 0.05,
    gradient: Literal["standard", "doubly_reparameterised"] = "standard",
):
    r"""$-\beta \frac1K \sum_k \log w_k - (1 - \beta) \log \frac1K \sum_k w_k$"""
    log_w = log_weights(vae, x, samples, gradient=gradient, beta=beta)
    return {"bound": -beta * log_w.mean(0) - (1 - beta) * importance_weighted(log_w)}
