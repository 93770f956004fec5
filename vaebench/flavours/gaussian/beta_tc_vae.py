r"""beta-TCVAE. Chen et al. 2018, https://arxiv.org/abs/1802.04942, equation 4.

With all three weights 1 the loss is the VAE's of one sample, $\log q(z|x) - \log p(z)$ in place of the closed-form KL,
whatever the estimator of $q(z)$: the estimates cancel. beta is that of `beta_vae`, for comparison.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.objectives.total_correlation import aggregate
from vaebench.study.ranges import NonNegative


@flavour()
def beta_tc_vae(
    vae,
    x,
    *,
    alpha: NonNegative = 1.0,
    beta: NonNegative = 4.0,
    gamma: NonNegative = 1.0,
    estimator: Literal["mss", "mws"] = "mss",
    n_data,
):
    r"""$-\mathbb E_q[\log p(x|z)] + \alpha \log\frac{q(z|x)}{q(z)} + \beta \log\frac{q(z)}{\prod_d q(z_d)}
    + \gamma \log\frac{\prod_d q(z_d)}{p(z)}$"""
    draw = vae(x)
    joint, marginals = aggregate(draw.q, draw.z, n_data, estimator)
    return {
        "distortion": -draw.log_px,
        "mutual_information": alpha * (draw.q.log_prob(draw.z) - joint),
        "total_correlation": beta * (joint - marginals),
        "dimensionwise_rate": gamma * (marginals - draw.p.log_prob(draw.z)),
    }
