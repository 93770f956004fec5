"""How discrete latents use their codes, of posteriors whose masses are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import vaebench
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.codes import Bits, Code, Refinements
from vaebench.model.distributions.delta import Delta
from vaebench.model.vae import VAE
from vaebench.study import catalogue

IMAGES = torch.arange(1500.0)[:, None, None, None] // 150  # 150 of each of ten values, in two batches


class Encoder(nn.Module):
    """Pixels (images, 1) to a distribution."""

    def __init__(self, posterior) -> None:
        super().__init__()
        self.posterior = posterior

    def forward(self, x: Tensor):
        return self.posterior(x.flatten(1))


class Decoder(nn.Module):
    def forward(self, z: Tensor) -> Delta:
        return Delta(z[..., :1, None, None], event_dims=3)


def measured(posterior) -> tuple[float, float]:
    """Used codes in percent, and perplexity."""
    model = VAE(encoder=Encoder(posterior), prior=None, decoder=Decoder(), posterior=None)
    subject = Subject(model, IMAGES, IMAGES, 0, importance_samples=1, importance_images=1)
    rows = [next(catalogue.load("metrics", name).rows(subject)) for name in ("used_codes", "code_perplexity")]
    used, perplexity = (row.value for row in rows)
    return used, perplexity


def test_codes_by_hand() -> None:
    """Ten codes at two positions: all alike often, and 0, 1 and 2 at odds of 5 to 4 to 1."""

    def posterior(x: Tensor) -> Code:
        index = torch.cat((x, (x >= 5).float() + (x >= 9)), 1).long()
        return Code(index.float(), index.float(), index, 10)

    used, perplexity = measured(posterior)
    entropy = -sum(share * math.log(share) for share in (0.5, 0.4, 0.1))
    assert used == pytest.approx(100 * (10 + 3) / 20)
    assert perplexity == pytest.approx((10 + math.exp(entropy)) / 2)


def test_a_collapsed_codebook_is_one_code() -> None:
    used, perplexity = measured(lambda x: Code(x, 0 * x, 0 * x.long(), 64))
    assert (used, perplexity) == (pytest.approx(100 / 64), pytest.approx(1))


def test_bits_by_hand() -> None:
    """The first is on for four images of ten, surely; the second is 0.2 for all: never the likelier, yet drawn."""

    def posterior(x: Tensor) -> Bits:
        sure = torch.where(x < 4, 50.0, -50.0)
        return Bits(torch.cat((sure, torch.full_like(x, math.log(0.25))), 1), torch.tensor(1.0))

    used, perplexity = measured(posterior)
    entropies = [-sum(share * math.log(share) for share in shares) for shares in ((0.4, 0.6), (0.2, 0.8))]
    assert used == pytest.approx(75)
    assert perplexity == pytest.approx(sum(map(math.exp, entropies)) / 2, rel=1e-5)


def test_refinements_by_hand() -> None:
    """Two levels of three codes, hundreds and tens: images choose two of the first and one of the second."""
    codebooks = torch.tensor([[[0.0], [100.0], [200.0]], [[0.0], [10.0], [20.0]]])

    def posterior(x: Tensor) -> Refinements:
        return Refinements(100 * (x < 2).float() + 10, codebooks, torch.tensor(0.0), torch.tensor(1.0))

    used, perplexity = measured(posterior)
    entropy = -sum(share * math.log(share) for share in (0.2, 0.8))
    assert used == pytest.approx(100 * (2 / 3 + 1 / 3) / 2)
    assert perplexity == pytest.approx((math.exp(entropy) + 1) / 2)


@pytest.mark.parametrize("name", catalogue.names("flavours", "discrete"))
def test_every_discrete_flavour_says_how_it_uses_its_codes(name: str) -> None:
    model = vaebench.build(name, (1, 8, 8), latent=4, network_settings={"hidden": [8]})
    x = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    subject = Subject(model, x, x, 0, importance_samples=1, importance_images=1)
    mass, chosen = subject.codes
    torch.testing.assert_close(mass.sum(-1), torch.ones(len(mass), dtype=torch.float64))
    codes = {"vq_vae": 8, "fsq_vae": 5, "gumbel_vae": 2, "hrq_vae": 64}.get(name, mass.shape[1])
    assert mass.shape == chosen.shape == (4, codes)
    perplexity = next(catalogue.load("metrics", "code_perplexity").rows(subject)).value
    used = next(catalogue.load("metrics", "used_codes").rows(subject)).value
    assert perplexity is not None and used is not None
    assert 1 <= perplexity <= codes and 100 / codes <= used <= 100


@pytest.mark.parametrize("name", ["vae", "ae", "svae"])
def test_other_latents_are_no_codes(name: str) -> None:
    x = torch.rand(3, 1, 8, 8)
    subject = Subject(vaebench.build(name, (1, 8, 8), latent=2), x, x, 0, importance_samples=1, importance_images=1)
    for metric in ("used_codes", "code_perplexity"):
        assert next(catalogue.load("metrics", metric).rows(subject)).reason == REASONS["codes"]
