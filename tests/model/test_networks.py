from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch import Tensor, nn

import vaebench
from vaebench import random
from vaebench.model.networks import ACTIVATIONS
from vaebench.model.networks.conv import Padded, conv
from vaebench.model.networks.gated_mlp import gated_mlp
from vaebench.model.networks.mlp import mlp
from vaebench.study import catalogue
from vaebench.study.ranges import Activation

pytestmark = pytest.mark.usefixtures("float64")
NETWORKS = {"mlp": mlp, "gated_mlp": gated_mlp, "conv": conv}
ACTIVATED = ("mlp", "conv")  # the others have gates in place of activations
IMAGES = [(1, 28, 28), (1, 8, 8), (3, 10, 13)]
Image = tuple[int, int, int]


@pytest.fixture(autouse=True)
def weights():
    """The same fresh weights in every run of a test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-12)


def test_every_network_is_tested() -> None:
    assert catalogue.names("networks") == sorted(NETWORKS)
    assert Activation.__metadata__[0].options == tuple(ACTIVATIONS)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("latent", [1, 3])
def test_a_batch_is_its_images_one_by_one(name: str, image: Image, latent: int) -> None:
    network = NETWORKS[name](image)
    encoder, decoder = network.encoder(2 * latent), network.decoder(latent, image[0])
    x, z = numbers(5, *image), numbers(5, latent, part=1)
    with torch.no_grad():
        codes, images = encoder(x), decoder(z)
        assert codes.shape == (5, 2 * latent)
        assert images.shape == (5, *image)
        close(codes, torch.cat([encoder(x[i : i + 1]) for i in range(5)]))
        close(images, torch.cat([decoder(z[i : i + 1]) for i in range(5)]))
        assert decoder(codes[:, :latent]).shape == x.shape
        # Different images have different codes, different latents different images.
        assert torch.pdist(codes).min() > 1e-7
        assert torch.pdist(images.flatten(1)).min() > 1e-7


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("lead", [(), (1,), (2, 3), (2, 1, 4)])
def test_leading_axes_are_one_long_batch(name: str, image: Image, lead: tuple[int, ...]) -> None:
    network = NETWORKS[name](image)
    encoder, decoder = network.encoder(4), network.decoder(2, image[0])
    x, z = numbers(*lead, *image), numbers(*lead, 2, part=1)
    with torch.no_grad():
        close(encoder(x), encoder(x.reshape(-1, *image)).reshape(*lead, 4))
        close(decoder(z), decoder(z.reshape(-1, 2)).reshape(*lead, *image))


def test_mlp_is_its_formula() -> None:
    network = mlp((1, 2, 3), hidden=(5, 4))
    encoder, decoder = network.encoder(2), network.decoder(2, 1)
    x, z = numbers(7, 1, 2, 3), numbers(7, 2, part=1)

    def formula(module: nn.Module, value: np.ndarray) -> np.ndarray:
        matrices = [parameter.detach().numpy() for parameter in module.parameters()]
        for weight, bias in zip(matrices[:-2:2], matrices[1:-2:2], strict=True):
            value = value @ weight.T + bias
            value = value * expit(value)
        return value @ matrices[-2].T + matrices[-1]

    np.testing.assert_allclose(encoder(x).detach(), formula(encoder, x.flatten(1).numpy()), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(decoder(z).detach().flatten(1), formula(decoder, z.numpy()), rtol=1e-11, atol=1e-13)


def test_gated_layers_are_their_formula() -> None:
    network = gated_mlp((1, 2, 3), hidden=(5, 4))
    x = numbers(7, 1, 2, 3)
    encoder = network.encoder(2)
    a, b, c, d, (weight, bias) = zip(*[iter(p.detach().numpy() for p in encoder.parameters())] * 2, strict=True)
    value = x.flatten(1).numpy()
    for linear, gate in ((a, b), (c, d)):
        value = (value @ linear[0].T + linear[1]) * expit(value @ gate[0].T + gate[1])
    np.testing.assert_allclose(encoder(x).detach(), value @ weight.T + bias, rtol=1e-11, atol=1e-13)
    assert [tuple(p.shape) for p in network.decoder(2, 1).parameters()][0::4] == [(4, 2), (5, 4), (6, 5)]


def test_conv_is_its_formula() -> None:
    network = conv((2, 8, 8), channels=(3, 4), hidden=5)
    encoder, decoder = network.encoder(2), network.decoder(2, 1)
    x, z = numbers(7, 2, 8, 8), numbers(7, 2, part=1)
    a, b, c, d = zip(*[iter(encoder.parameters())] * 2, strict=True)
    value = F.silu(F.conv2d(F.silu(F.conv2d(x, *a, stride=2, padding=1)), *b, stride=2, padding=1))
    close(encoder(x), F.linear(F.silu(F.linear(value.flatten(1), *c)), *d))
    a, b, c, d = zip(*[iter(decoder.parameters())] * 2, strict=True)
    value = F.silu(F.linear(F.silu(F.linear(z, *a)), *b)).view(7, 4, 2, 2)
    value = F.silu(F.conv_transpose2d(value, *c, stride=2, padding=1))
    close(decoder(z), F.conv_transpose2d(value, *d, stride=2, padding=1))


def test_mlp_without_hidden_layers_is_linear() -> None:
    decoder = mlp((1, 2, 3), hidden=()).decoder(2, 1)
    assert parameters(decoder) == 2 * 6 + 6
    z = numbers(3, 2)
    close(decoder(z[:1] + z[1:2]) + decoder(0 * z[:1]), decoder(z[:1]) + decoder(z[1:2]))


@pytest.mark.parametrize(
    ("image", "left", "top", "side"),
    [
        ((1, 28, 28), 2, 2, (32, 32)),
        ((1, 8, 8), 4, 4, (16, 16)),
        ((3, 10, 13), 1, 3, (16, 16)),
        ((1, 32, 48), 0, 0, (32, 48)),
    ],
)
def test_conv_works_on_the_image_in_the_middle_of_a_larger_one(
    image: Image, left: int, top: int, side: tuple[int, int]
) -> None:
    channels, height, width = image
    small, large = conv(image), conv((channels, *side))
    wide = numbers(2, channels, *side, part=1).zero_()
    x = numbers(2, *image)
    wide[..., top : top + height, left : left + width] = x
    encoders, decoders = (small.encoder(2), large.encoder(2)), (small.decoder(2, 1), large.decoder(2, 1))
    encoders[1].load_state_dict(encoders[0].state_dict())
    decoders[1].load_state_dict(decoders[0].state_dict())
    z = numbers(2, 2)
    with torch.no_grad():
        close(encoders[0](x), encoders[1](wide))
        close(decoders[0](z), decoders[1](z)[..., top : top + height, left : left + width])


def test_cropping_undoes_padding() -> None:
    x = numbers(2, 3, 10, 13)
    padded = Padded((1, 2, 3, 4))(x)
    assert padded.shape == (2, 3, 17, 16)
    assert padded.abs().sum() == x.abs().sum()
    assert torch.equal(Padded((-1, -2, -3, -4))(padded), x)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_smooth_decoders_have_a_second_derivative(name: str, activation: str) -> None:
    settings = {"activation": activation} if name in ACTIVATED else {}
    decoder = NETWORKS[name]((1, 8, 8), **settings).decoder(2, 1)
    z, direction, weights = numbers(1, 2), numbers(1, 2, part=1), numbers(1, 1, 8, 8, part=2)

    def slope(place: Tensor) -> Tensor:
        """Of a weighted sum of pixels, along a line through the latents."""
        value = (weights * decoder(z + place * direction)).sum()
        return torch.autograd.grad(value, place, create_graph=True)[0]

    def at(place: float) -> Tensor:
        return torch.tensor(place, requires_grad=True)

    middle = at(0.0)
    (curvature,) = torch.autograd.grad(slope(middle), middle)
    if settings.get("activation") == "relu":
        assert curvature == 0
        return
    step = 1e-4
    assert curvature.abs() > 1e-6
    assert curvature.item() == pytest.approx((slope(at(step)) - slope(at(-step))).item() / (2 * step), rel=1e-5)


def test_activations_are_silu_by_default() -> None:
    for name in ACTIVATED:
        assert catalogue.hyperparameters("networks", name)["activation"].default == "silu"


def linear(*widths: int) -> int:
    return sum(a * b + b for a, b in pairwise(widths))


@pytest.mark.parametrize("latent", [1, 8])
@pytest.mark.parametrize("image", IMAGES)
def test_parameter_counts_of_the_default_mlp(image: Image, latent: int) -> None:
    pixels = math.prod(image)
    model = vaebench.build("vae", image, latent=latent)
    assert parameters(model.encoder) == linear(pixels, 512, 256, 2 * latent)
    assert parameters(model.decoder) == linear(latent, 256, 512, pixels)
    assert parameters(vaebench.build("ae", image, latent=latent).encoder) == linear(pixels, 512, 256, latent)


@pytest.mark.parametrize(("image", "core"), [((1, 28, 28), 2 * 2), ((3, 10, 13), 1)])
def test_parameter_counts_of_the_default_conv(image: Image, core: int) -> None:
    model = vaebench.build("vae", image, latent=5, network="conv")
    ends = (image[0], 32), (32, 32), (32, 64), (64, 64)
    kernels = sum(16 * a * b for a, b in ends)
    assert parameters(model.encoder) == kernels + 32 + 32 + 64 + 64 + linear(64 * core, 256, 10)
    assert parameters(model.decoder) == kernels + 64 + 32 + 32 + image[0] + linear(5, 256, 64 * core)
