r"""RAE of gradient penalty. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436, section 3.

The penalty is the squared Frobenius norm of the Jacobian of the decoder's mean image with respect to the code. It is
estimated without bias from one projection $J^\top v$ per image, $v$ of independent random signs (Hutchinson 1990), so
that its cost does not grow with the latent size. There is no prior: to sample, the paper fits a density to the codes
afterwards.
"""

import torch

from vaebench import random
from vaebench.model.flavour import flavour
from vaebench.model.parts.encoders import PointEncoder
from vaebench.study.ranges import NonNegative


@flavour(encoder=PointEncoder, prior=None)
def rae_gp(vae, x, *, weight: NonNegative = 0.01, penalty: NonNegative = 0.1):
    r"""$-\log p(x|z) + \frac w2 \|z\|^2 + \lambda \|\partial \hat x / \partial z\|_F^2$ at $z = \mu(x)$,
    where $\hat x$ is the decoder's mean."""
    draw = vae(x)
    mean, pull = torch.func.vjp(vae.decode, draw.z)  # type: ignore[misc]
    (projection,) = pull(torch.where(random.uniform(mean.shape, mean) < 0.5, -1.0, 1.0).to(mean.dtype))
    return {
        "distortion": -draw.log_px,
        "embedding": 0.5 * weight * draw.z.square().sum(-1),
        "jacobian": penalty * projection.square().sum(-1),
    }
