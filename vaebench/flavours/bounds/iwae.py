r"""IWAE. Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8.

With one sample it is the VAE, its rate estimated at that sample. For ``gradient`` see
`vaebench.model.objectives.bounds.log_weights`.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.objectives.bounds import importance_weighted, log_weights
from vaebench.study.ranges import Count


@flavour()
def iwae(vae, x, *, samples: Count = 8, gradient: Literal["standard", "doubly_reparameterised"] = "standard"):
    r"""$-\log \frac1K \sum_{k=1}^K w_k$ with $w_k = \frac{p(x, z_k)}{q(z_k|x)}$"""
    return {"bound": -importance_weighted(log_weights(vae, x, samples, gradient=gradient))}
