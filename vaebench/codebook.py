"""Parts of models whose latents are codes: how an encoder's output becomes codes, and the uniform prior of them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .distributions.codes import Codes
from .errors import VaebenchError
from .parts import Design


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Index of the entry of ``codebook`` (codes, size) nearest to each of ``vectors`` (..., size): (...)."""
    return (0.5 * codebook.square().sum(-1) - vectors @ codebook.T).argmin(-1)


def cooled(hot: float, cold: float, progress: float) -> float:
    """A temperature that falls exponentially from ``hot`` to ``cold`` over training."""
    return hot * (cold / hot) ** progress


def whole(flavour: str, design: Design, code_size: int) -> None:
    """Raise `VaebenchError` unless the latent is a whole number of vectors."""
    if design.latent % code_size:
        raise VaebenchError(
            f"flavour '{flavour}': code_size = {code_size} does not divide the latent size {design.latent}: "
            "take a divisor, such as 1"
        )


class codebook_prior(nn.Module):
    """Uniform over the codes in ``encoder.codebook`` (codes, size), alike for each of the latent's vectors."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.latent = design.latent

    def forward(self, encoder: Any) -> Codes:
        return Codes(encoder.codebook, self.latent)
