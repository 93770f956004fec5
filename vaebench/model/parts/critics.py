"""Critics: latents to what adversarial and variational estimators train."""

from __future__ import annotations

from torch import Tensor, nn

from vaebench.model.networks import dense
from vaebench.model.parts.design import Design


class LatentCritic(nn.Module):
    """Latents (..., latent) to one logit or score each (...): what adversarial and variational estimators train."""

    def __init__(self, design: Design, *, critic_hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.network = nn.Sequential(*dense((design.latent, *critic_hidden), "relu"), nn.Linear(critic_hidden[-1], 1))

    def forward(self, z: Tensor) -> Tensor:
        return self.network(z).squeeze(-1)
