"""Learned priors: mixtures of Gaussians, free or of pseudo-inputs."""

from __future__ import annotations

import math

import pytest
import torch
from linear_gaussian import linear
from scipy.stats import chisquare
from test_flavours import IMAGES, X, design
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vaebench import random
from vaebench.flavours.gaussian.vae import vae
from vaebench.flavours.priors.mixture_vae import mixture_vae
from vaebench.flavours.priors.vamp import vamp
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.mixture import Mixture
from vaebench.model.vae import VAE

pytestmark = pytest.mark.usefixtures("float64")
K, LATENT, DRAWS = 5, 3, 200_000


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def parameters() -> tuple[Tensor, Tensor, Tensor]:
    values = 2 * numbers(K, LATENT), 0.5 * numbers(K, LATENT, part=1) - 0.5, numbers(K, part=2)
    return tuple(value.requires_grad_() for value in values)


def mixture(mean: Tensor, log_std: Tensor, logits: Tensor) -> Mixture:
    return Mixture(Gaussian(mean, log_std), logits.log_softmax(-1))


def reference(mean: Tensor, log_std: Tensor, logits: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(mean, log_std.exp()), 1))


@pytest.mark.parametrize("shape", [(), (7,), (4, 7)])
def test_log_density_and_its_gradients(shape: tuple[int, ...]) -> None:
    values = parameters()
    z = (2 * numbers(*shape, LATENT, part=3)).requires_grad_()
    ours, theirs = mixture(*values).log_prob(z), reference(*values).log_prob(z)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(value.sum(), (z, *values)) for value in (ours, theirs)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_narrow_component_far_out_keeps_its_digits_in_float32() -> None:
    """(z - mu) / sigma is of order 1, z / sigma of order 1e4: the expanded square would lose all digits in float32."""
    mean, log_std = torch.full((2, 4), 10.0), torch.full((2, 4), math.log(1e-3))
    z = (mean[0] + 1e-3 * numbers(6, 4)).float()
    ours = mixture(mean.float(), log_std.float(), torch.zeros(2).float()).log_prob(z)
    exact = Gaussian(mean[0], log_std.float().double()[0]).log_prob(z.double())
    torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=1e-4)
    far = mixture(*(value.detach() for value in parameters())).log_prob(torch.full((LATENT,), 1e4))
    assert far.isfinite()


def test_samples_have_the_weights_and_moments_of_the_mixture() -> None:
    values = parameters()
    ours, theirs = mixture(*values), reference(*values)
    with torch.no_grad(), random.stream(torch.tensor(1)):
        z = ours.rsample((DRAWS,))
        torch.testing.assert_close(ours.mean, theirs.mean)
        assert ((z.mean(0) - theirs.mean).abs() < 4.5 * (theirs.variance / DRAWS).sqrt()).all()
        for moment in (z.var(0) / theirs.variance - 1).abs():
            assert moment < 0.03
        apart = mixture(100 * torch.arange(K)[:, None].expand(K, LATENT).double(), values[1], values[2])
        counts = (apart.rsample((DRAWS,))[:, 0] / 100).round().long().bincount(minlength=K)
    assert chisquare(counts.numpy(), (DRAWS * values[2].softmax(-1)).detach().numpy()).pvalue > 1e-4


def test_stacked_mixtures_draw_as_single_ones() -> None:
    stacked = [torch.stack((value, value.flip(0))).detach() for value in parameters()]
    keys = torch.tensor([3, 4])

    def draw(key: Tensor, *values: Tensor) -> Tensor:
        with random.stream(key):
            return mixture(*values).rsample((6,))

    together = torch.func.vmap(draw)(keys, *stacked)
    for slot in range(2):
        torch.testing.assert_close(together[slot], draw(keys[slot], *(value[slot] for value in stacked)))


def standard(model: VAE) -> VAE:
    """The model, its mixture set to the standard normal."""
    with torch.no_grad():
        model.prior.means.zero_()
    return model


def test_a_mixture_of_standard_normals_is_the_vae_and_keeps_the_evidence() -> None:
    model, x, evidence = linear(True, mixture_vae, components=K)
    plain, _, _ = linear(True, vae)
    results = []
    for single in (standard(model), plain):
        with torch.no_grad(), random.stream(torch.tensor(1)):
            results.append(single(x, 5))
    torch.testing.assert_close(results[0].log_w, results[1].log_w, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(results[0].log_w, torch.tensor(evidence).expand(5, -1), rtol=1e-9, atol=1e-9)
    assert torch.equal(results[0].kl, results[0].q.log_prob(results[0].z) - results[0].p.log_prob(results[0].z))


def test_the_vamp_prior_is_the_aggregated_posterior_of_its_pseudo_inputs() -> None:
    model = vamp.initial(design("mlp", LATENT), {"components": len(X)}, 0)
    images = X.double().clamp(0.02, 0.98)
    with torch.no_grad():
        model.prior.logits.copy_(images.logit())
        z, posterior = numbers(20, LATENT), model.encoder(images)
        densities = posterior.log_prob(z[:, None]).exp()
        torch.testing.assert_close(model.prior(model.encoder).log_prob(z), densities.mean(-1).log())


def test_one_pseudo_input_that_is_the_image_leaves_no_rate() -> None:
    model = vamp.initial(design("mlp", LATENT), {"components": 1}, 0)
    with torch.no_grad():
        x = model.prior.logits.sigmoid()
        terms, _ = vamp.terms("model", model, x, {})
    assert abs(terms["rate"].item()) < 1e-12


@pytest.mark.parametrize("components", [10, 50])
def test_pseudo_inputs_start_as_training_images_and_no_two_alike(components: int) -> None:
    model = vamp.initial(design("mlp", LATENT), {"components": components}, 0)
    images = IMAGES[:20].double() / 255
    with random.stream(torch.tensor(0)):
        vamp.call("begin", model, images, {})
    pseudo = model.prior.logits.detach().sigmoid()
    gaps = (pseudo[:, None] - images).abs().flatten(2).amax(-1)
    assert gaps.amin(1).max() < 0.05
    counts = gaps.argmin(1).bincount(minlength=20)
    assert counts.max() - counts.min() <= 1
    assert torch.pdist(pseudo.flatten(1)).min() > 0.01


def test_the_gradient_of_the_vamp_rate_reaches_pseudo_inputs_and_encoder_as_finite_differences_say() -> None:
    model = vamp.initial(design("mlp", 2), {"components": 3}, 0)
    x = X[:4].double()

    def rate() -> Tensor:
        with random.stream(torch.tensor(2)):
            return vamp.terms("model", model, x, {})[0]["rate"].sum()

    for parameter in (model.prior.logits, model.encoder.network[-1].weight):
        place, step = (0, *[2] * (parameter.dim() - 1)) if parameter.dim() == 2 else (1, 0, 3, 4), 1e-5
        gradient = torch.autograd.grad(rate(), parameter)[0][place]
        values = []
        with torch.no_grad():
            for move in (step, -2 * step):
                parameter[place] += move
                values.append(rate())
            parameter[place] += step
        torch.testing.assert_close(gradient, (values[0] - values[1]) / (2 * step), rtol=1e-6, atol=1e-9)
