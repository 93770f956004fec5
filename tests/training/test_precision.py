"""What a run's precision changes, and what it leaves as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from vaebench import interface
from vaebench.errors import VaebenchError
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.study import catalogue, config
from vaebench.study.config import Training
from vaebench.training import hardware, runs
from vaebench.training.engine import Feed, Pack
from vaebench.training.precision import products

SCORE = ("validation", "total")
CPU = torch.device("cpu")
IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
NETWORKS = {"mlp": mlp((1, 8, 8), hidden=(64, 32)), "conv": conv((1, 8, 8), channels=(8, 16), hidden=32)}


def trained(precision: str, seeds: list[int], network: str = "mlp", flavour: str = "vae", epochs: int = 3) -> Pack:
    """Runs on 1,000 digits with 4 latents."""
    design = Design((1, 8, 8), 4, NETWORKS[network], catalogue.load("likelihoods", "bernoulli"))
    training = Training(epochs=epochs, batch_size=50, learning_rate=0.003, precision=precision)  # type: ignore[arg-type]
    feed = Feed(IMAGES[:1000], IMAGES[1000:1500], dynamic=False)
    pack = Pack(catalogue.load("flavours", flavour), design, {}, training, seeds, feed)
    list(pack.train())
    return pack


def layers() -> list[tuple[nn.Module, Tensor]]:
    """One of each kind, and what it is given."""
    torch.manual_seed(0)
    kinds = nn.Linear(20, 10), nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 3)
    return list(zip(kinds, (torch.randn(5, 20), *torch.randn(2, 5, 3, 6, 6)), strict=True))


def test_layers_take_bfloat16_and_return_float32() -> None:
    """Weights and inputs of 7 bits of mantissa, whose products are summed in more and rounded once.

    But for transposed convolutions on a processor that lacks bfloat16: there all that a pixel gets is rounded.
    """
    instructed = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    for layer, x in layers():
        exact = layer(x)
        with products("bfloat16", CPU):
            found = layer(x)
        assert found.dtype == torch.float32 and torch.equal(found, found.bfloat16().float())
        weight, bias = layer.weight.bfloat16(), layer.bias.bfloat16()
        function = {nn.Linear: F.linear, nn.Conv2d: F.conv2d, nn.ConvTranspose2d: F.conv_transpose2d}[type(layer)]
        close = function(x.bfloat16().double(), weight.double(), bias.double())
        by_taps = isinstance(layer, nn.ConvTranspose2d) and not instructed
        torch.testing.assert_close(found.double(), close, rtol=2**-8, atol=9 * 2**-9 if by_taps else 1e-6)
        assert 1e-4 < (found - exact).abs().max() < 0.05
        assert torch.equal(layer(x), exact)


def test_derivatives_of_layers_are_float32_of_bfloat16_products() -> None:
    layer, x = layers()[0]
    with products("bfloat16", CPU):
        (found,) = torch.autograd.grad(layer(x).square().sum() / 2, layer.weight)
        rounded = layer(x)
    close = rounded.double().T @ x.bfloat16().double()
    torch.testing.assert_close(found.double(), close, rtol=2**-6, atol=2**-6)
    assert found.dtype == torch.float32


def test_nothing_but_layers_is_rounded() -> None:
    """Distances as products of codes, sums over pixels and scales in nats keep all their digits."""
    torch.manual_seed(0)
    a, b = torch.randn(2, 50, 50)

    def others() -> list[Tensor]:
        return [a @ b, torch.bmm(a[None], b[None]), a.sum(), a.logsumexp(0), F.softplus(a), torch.linalg.inv(a)]

    plain = others()
    with products("bfloat16", CPU):
        assert all(map(torch.equal, plain, others()))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_training_in_bfloat16_ends_where_float32_does(network: str, seeds: list[int]) -> None:
    """Within 0.2 % of the validation bound in nats, of which training takes 15 % away; not at the same bytes."""
    exact, rounded = (trained(precision, seeds, network, epochs=5) for precision in ("float32", "bfloat16"))
    for slot in range(len(seeds)):
        assert rounded.runs[slot].best == pytest.approx(exact.runs[slot].best, rel=0.002)
        totals = [row["value"] for row in rounded.runs[slot].history if (row["split"], row["term"]) == SCORE]
        assert totals[-1] < 0.85 * totals[0]
    for name in rounded.stack.trained:
        assert rounded.state[name].dtype == torch.float32
        assert not torch.equal(rounded.state[name], exact.state[name])


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_a_run_in_bfloat16_repeats_and_leaves_no_trace(seeds: list[int]) -> None:
    before, first, again, after = (
        trained(precision, seeds, epochs=1) for precision in ("float32", "bfloat16", "bfloat16", "float32")
    )
    for name in first.state:
        assert torch.equal(first.state[name], again.state[name])
        assert torch.equal(before.state[name], after.state[name])


def test_float32_is_the_default_and_no_tf32_on_any_device() -> None:
    assert Training().precision == "float32"
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    hardware.prepare()
    assert [each.allow_tf32 for each in backends] == [False, False]  # torch's own default takes it in convolutions
    with products("float32", CPU):
        assert [each.allow_tf32 for each in backends] == [False, False]


def test_numbers_below_those_of_float32_are_zero() -> None:
    """Importance weights and their derivatives reach them, and Intel's processors take long over each."""
    with hardware.without_subnormals():
        assert (torch.full((5,), 1e-30) * 1e-10).tolist() == [0.0] * 5
        assert torch.finfo(torch.float32).tiny * torch.ones(5).min() > 0
    assert (torch.full((5,), 1e-30) * 1e-10).min() > 0


def test_a_cpu_has_no_tf32() -> None:
    with pytest.raises(VaebenchError, match=r"^precision: tf32 is for a GPU: set precision: float32 or bfloat16"):
        trained("tf32", [0])


def test_the_precision_stands_in_the_record_and_in_what_tells_a_run_from_others(tmp_path: Path) -> None:
    data = interface.dataset("digits", tmp_path / "data", limits={"train": 100, "validation": 50, "test": 50})
    cells = {
        precision: config.cell("vae", latent=2, epochs=1, precision=precision) for precision in ("float32", "bfloat16")
    }
    (run,) = runs.train(cells["bfloat16"], [0], data, tmp_path / "runs", device=CPU)
    assert json.loads((run / "run.json").read_text())["cell"]["training"]["precision"] == "bfloat16"
    with pytest.raises(VaebenchError, match=r"training\.precision: bfloat16 -> float32"):
        runs.train(cells["float32"], [0], data, tmp_path / "runs", device=CPU)
