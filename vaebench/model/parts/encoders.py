"""Encoders: images (batch, channels, height, width) to a distribution of latents (batch, latent)."""

from __future__ import annotations

from torch import Tensor, nn

from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flows.flow import Flow
from vaebench.model.parts.design import Design


class GaussianEncoder(nn.Module):
    r"""$x \mapsto \mathcal N(\mu(x), \mathrm{diag}\,\sigma(x)^2)$."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.network = design.network.encoder(2 * design.latent)

    def forward(self, x: Tensor) -> Gaussian:
        return Gaussian(*self.network(x).chunk(2, -1))


class PointEncoder(nn.Module):
    r"""$x \mapsto \delta_{\mu(x)}$."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.network = design.network.encoder(design.latent)

    def forward(self, x: Tensor) -> Delta:
        return Delta(self.network(x))


class FlowEncoder(nn.Module):
    r"""$x \mapsto$ the law of $f(z; h(x))$ for $z \sim \mathcal N(\mu(x), \mathrm{diag}\,\sigma(x)^2)$.

    One network gives $\mu$, $\log\sigma$ and the ``context`` features $h$ of the flow $f$.
    """

    def __init__(self, design: Design, flow: Flow, context: int) -> None:
        super().__init__()
        self.sizes = design.latent, design.latent, context
        self.network = design.network.encoder(sum(self.sizes))
        self.flow = flow

    def forward(self, x: Tensor) -> Flowed:
        mean, log_std, context = self.network(x).split(self.sizes, -1)
        return Flowed(Gaussian(mean, log_std), self.flow, context)
