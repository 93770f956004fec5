r"""PIWAE. Rainforth et al. 2018, https://arxiv.org/abs/1802.04537.

The decoder follows the tight bound of all ``groups`` times ``samples`` latents, the encoder the mean of ``groups``
(M) bounds of ``samples`` (K) each, whose gradient is less noisy for it. Each moves on latents of its own.
"""

from vaebench.model.flavour import flavour
from vaebench.model.objectives.bounds import importance_weighted
from vaebench.study.ranges import Count


@flavour()
def piwae(vae, x, *, groups: Count = 4, samples: Count = 8):
    r"""$-\log \frac1{MK} \sum_{m,k} w_{mk}$"""
    return {"bound": -importance_weighted(vae(x, groups * samples).log_w)}


@piwae.player("encoder")
def encoder(vae, x, *, groups, samples):
    r"""$-\frac1M \sum_m \log \frac1K \sum_k w_{mk}$"""
    return {"encoder_bound": -importance_weighted(vae(x, groups, samples).log_w).mean(0)}
