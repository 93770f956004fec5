"""Priors: the encoder to a distribution of latents (latent,)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaebench.model.distributions.codes import Codes
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.parts.design import Design


class NormalPrior(nn.Module):
    r"""$\mathcal N(0, 1)$."""

    zero: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(design.latent))

    def forward(self, encoder: nn.Module) -> Gaussian:
        return Gaussian(self.zero, self.zero)


class CodebookPrior(nn.Module):
    """Uniform over the codes in ``encoder.codebook`` (codes, size), alike for each of the latent's vectors."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.latent = design.latent

    def forward(self, encoder: Any) -> Codes:
        return Codes(encoder.codebook, self.latent)
