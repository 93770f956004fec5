r"""FSQ-VAE, finite scalar quantisation. Mentzer et al. 2024, https://arxiv.org/abs/2309.15505, section 3.

Every coordinate has the same number of levels, spread evenly over [-1, 1]; the paper's grid is the same where that
number is odd, and lopsided where it is even. A uniform prior over the grid makes the loss a bound of the evidence; the
rate is a constant.

The paper squashes by tanh. On MNIST, before the decoder looked at its latents, all images were pushed to one end of it,
where it has no gradient to come back by; softsign has tails that fall slowly enough.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.distributions.codes import Code
from vaebench.model.flavour import flavour
from vaebench.model.parts.priors import CodebookPrior
from vaebench.study.ranges import Interval


class GridEncoder(nn.Module):
    """Rounds each coordinate of the network's output, squashed into [-1, 1], to the nearest level."""

    codebook: Tensor

    def __init__(self, design, *, levels: int) -> None:
        super().__init__()
        self.network, self.steps = design.network.encoder(design.latent), levels - 1
        self.register_buffer("codebook", self._level(torch.arange(levels)[:, None]))

    def _level(self, index: Tensor) -> Tensor:
        return 2 * index / self.steps - 1

    def forward(self, x: Tensor) -> Code:
        squashed = F.softsign(self.network(x))
        index = (0.5 * (squashed + 1) * self.steps).round().long()
        return Code(squashed, self._level(index), index, self.steps + 1)


@flavour(encoder=GridEncoder, prior=CodebookPrior)
def fsq_vae(vae, x, *, levels: Annotated[int, Interval(int, 2)] = 5):
    r"""$-\log p(x|z) + d \log L$ at the code $z \in \{-1, \dots, 1\}^d$ nearest to $u(x) / (1 + |u(x)|)$,
    $L$ levels a coordinate."""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
