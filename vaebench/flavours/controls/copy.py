"""Control: returns its input, the observed image; no density, nothing to train.

Under a binarising convention the input is the binarised image, so that its distance from the grey one is not zero.
"""

from torch import Tensor, nn

from vaebench.model.distributions.delta import Delta
from vaebench.model.flavour import flavour


class Pixels(nn.Module):
    """The latents are the pixels, (batch, channels * height * width)."""

    def __init__(self, design) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Delta:
        return Delta(x.flatten(1))


class Identity(nn.Module):
    """The pixels are the image."""

    def __init__(self, design) -> None:
        super().__init__()
        self.shape = design.image

    def forward(self, z: Tensor) -> Delta:
        return Delta(z.unflatten(-1, self.shape), event_dims=3)


@flavour(encoder=Pixels, prior=None, decoder=Identity)
def copy(vae, x):
    """Nothing to minimise."""
    return {}
