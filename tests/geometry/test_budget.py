"""How many points go through a network at a time follows from what its layers make of one."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from vaebench.geometry import budget, graph
from vaebench.geometry.budget import footprint, in_parts, joined
from vaebench.geometry.curvature import scalar, second
from vaebench.geometry.geodesics import Immersed, geodesics
from vaebench.geometry.metrics import Pullback

pytestmark = pytest.mark.usefixtures("float64")


def test_the_footprint_is_all_that_layers_make() -> None:
    layers = nn.Sequential(nn.Linear(2, 7, bias=False), nn.Tanh(), nn.Linear(7, 5, bias=False))
    assert footprint(layers, torch.zeros(1, 2)) == 7 + 7 + 5
    assert footprint(lambda z: None, torch.zeros(1, 2)) == 1


class Watched:
    """A surface that knows how many points it was last asked for at once, and the most."""

    def __init__(self) -> None:
        self.most = 0

    def __call__(self, z: Tensor) -> Tensor:
        self.most = max(self.most, z.shape[:-1].numel())
        return torch.cat((z, z.square().sum(-1, keepdim=True), (3 * z).sin()), -1)


PLANE = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WORKS: dict[str, Callable[[Watched], Tensor]] = {
    "jacobian": lambda surface: Pullback(surface).jacobian(PLANE),
    "curvature": lambda surface: scalar(Pullback(surface), PLANE),
    "geodesics": lambda surface: geodesics(Immersed(surface), PLANE[:20], PLANE[20:]).length,
    "graph": lambda surface: torch.tensor(graph.distances(graph.graph(Immersed(surface), PLANE))),
    "in_parts": lambda surface: in_parts(surface, PLANE.reshape(2, 20, 2)),
}


@pytest.mark.parametrize("name", WORKS)
def test_a_small_budget_takes_few_points_at_a_time_and_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, narrow = Watched(), Watched()
    expected = WORKS[name](wide)
    monkeypatch.setattr(budget, "NUMBERS", 1)
    torch.testing.assert_close(WORKS[name](narrow), expected, rtol=1e-9, atol=1e-9)
    curve = {"geodesics": 514, "graph": 9}.get(name, 1)  # the points of one
    assert narrow.most <= 2 * curve < wide.most  # two are what the footprint is told from


def test_curvature_holds_the_second_derivatives_along_one_vector_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine latents are nine vectors one after the other: memory for five points along one is memory for five points."""
    points = torch.randn(40, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    held = footprint(lambda z: second(Watched(), z, z, z.expand(9, *z.shape)), points)
    surface = Watched()
    monkeypatch.setattr(budget, "NUMBERS", 5 * held)
    scalar(Pullback(surface), points)
    assert surface.most == 5


def test_geometry_does_not_import_the_compiler() -> None:
    """It takes two seconds, of ten that a survey takes."""
    code = """
import sys, torch
from vaebench.geometry.curvature import scalar
from vaebench.geometry.geodesics import Immersed, geodesics
from vaebench.geometry.metrics import Pullback
from vaebench.training import hardware
hardware.prepare()
layers = torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.SiLU(), torch.nn.Linear(9, 5)).double()
points = torch.zeros(4, 2, dtype=torch.float64)
scalar(Pullback(layers), points), geodesics(Immersed(layers), points, points + 1)
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_parts_are_joined_in_one_tensor_and_none_is_kept() -> None:
    made: list[weakref.ref[Tensor]] = []

    def values() -> Iterator[Tensor]:
        for number, points in enumerate((3, 3, 2)):
            assert [index for index, value in enumerate(made) if value() is not None] in (
                [],
                [0],
                [0, number - 1],
            )  # and the last
            value = torch.full((points, 2), float(number))
            made.append(weakref.ref(value))
            yield value
            del value

    assert joined(values(), 8).tolist() == [[0, 0]] * 3 + [[1, 1]] * 3 + [[2, 2]] * 2
