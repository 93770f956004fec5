"""Geodesics of trained decoders, against shortest paths over a fine grid of their latent plane."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

import vaebench
from vaebench import random
from vaebench.data.dataset import Data
from vaebench.evaluation.survey.pairs import pairs
from vaebench.geometry.geodesics import Immersed, geodesics
from vaebench.geometry.metrics import immersion

SIDE, REACH, PAIRS, CORNERS = 100, 4, 90, 48
MOVES = [
    (down, across)
    for down, across in itertools.product(range(-REACH, REACH + 1), repeat=2)
    if math.gcd(down, across) == 1 and (down, across) > (0, 0)
]


def digits() -> Data:
    return vaebench.dataset("digits")


def bars() -> Data:
    """Bars of any direction and of lengths up to half the image: more curved than digits of 8x8."""
    stream = random.Stream(torch.tensor(random.key(0, "bars")))
    angle, reach = stream.uniform((2, 1500, 1, 1), torch.float64)
    places = torch.arange(16).double() - 7.5
    down, across = torch.meshgrid(places, places, indexing="ij")
    cosine, sine = (2 * math.pi * angle).cos(), (2 * math.pi * angle).sin()
    along = (across * cosine + down * sine).clamp_min(0).minimum(2 + 5 * reach)
    outside = torch.hypot(across - along * cosine, down - along * sine)
    return vaebench.dataset("bars", images=(255 * (-0.5 * outside.square()).exp()).round().to(torch.uint8))


def grid(codes: Tensor) -> Tensor:
    """Latents (SIDE * SIDE, 2) over the codes and half their range around."""
    low, high = codes.amin(0), codes.amax(0)
    sides = [
        torch.linspace(a - 0.5 * (b - a), b + 0.5 * (b - a), SIDE).double() for a, b in zip(low, high, strict=True)
    ]
    return torch.cartesian_prod(*sides)


def shortest(space: Immersed, z: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
    """Corners of the shortest path of each pair over a grid ``z``, a step being as long as its image's chord."""
    numbers = torch.arange(len(z)).reshape(SIDE, SIDE)
    starts, stops = [], []
    for down, across in MOVES:
        rows, columns = slice(0, SIDE - down), slice(max(0, -across), SIDE - max(0, across))
        starts.append(numbers[rows, columns].flatten())
        stops.append((numbers[rows, columns] + SIDE * down + across).flatten())
    one, other = torch.cat(starts), torch.cat(stops)
    images = space.immersion(z).detach()
    length = torch.cat(
        [(images[i] - images[j]).norm(dim=-1) for i, j in zip(one.split(20000), other.split(20000), strict=True)]
    )
    edges = csr_array((length.numpy(), (one.numpy(), other.numpy())), shape=(len(z), len(z)))
    begin, end = (torch.cdist(points, z).argmin(1).numpy() for points in (a, b))
    before = dijkstra(edges, directed=False, indices=begin, return_predecessors=True)[1]
    found = []
    for pair in range(len(a)):
        corners = [int(end[pair])]
        while corners[-1] != begin[pair]:
            corners.append(int(before[pair, corners[-1]]))
        found.append(torch.cat((a[pair : pair + 1], z[corners[::-1]][1:-1], b[pair : pair + 1])))
    return found


def relaxed(space: Immersed, paths: list[Tensor]) -> Tensor:
    """Lengths after moving the corners to least energy, which removes the grid's own: (pairs,)."""
    evened = []
    for path in paths:
        steps = space.squares(path).sqrt().cumsum(0).numpy()
        times, wanted = np.concatenate(([0], steps)), np.linspace(0, steps[-1], CORNERS + 1)
        evened.append(torch.stack([torch.from_numpy(np.interp(wanted, times, x.numpy())) for x in path.unbind(-1)], -1))
    points = torch.stack(evened)
    inner = points[:, 1:-1].clone().requires_grad_()
    optimiser = torch.optim.LBFGS([inner], max_iter=200, history_size=20, line_search_fn="strong_wolfe")

    def whole() -> Tensor:
        return torch.cat((points[:, :1], inner, points[:, -1:]), 1)

    def energy() -> Tensor:
        optimiser.zero_grad()
        total = space.energy(whole()).sum()
        total.backward()
        return total

    optimiser.step(energy)
    return torch.minimum(finely(space, whole().detach()), finely(space, points))


def finely(space: Immersed, corners: Tensor, parts: int = 4) -> Tensor:
    """Lengths of straight lines between corners (pairs, corners, 2)."""
    share = torch.arange(parts).double() / parts
    between = torch.lerp(corners[:, :-1, None], corners[:, 1:, None], share[:, None]).flatten(1, 2)
    return space.length(torch.cat((between, corners[:, -1:]), 1))


@pytest.mark.parametrize(
    ("flavour", "dataset", "bend"), [("vae", digits, 1.0), ("vamp", digits, 1.0), ("vae", bars, 1.1)]
)
@pytest.mark.slow
def test_no_trusted_geodesic_is_longer_than_the_shortest_path_over_a_grid(
    flavour: str, dataset: Callable[[], Data], bend: float
) -> None:
    """``bend``: some straight line is at least so much longer than the shortest path."""
    data = dataset()
    settings = {"epochs": 80, "convention": "none", "network_settings": {"hidden": [64, 64]}}
    model = vaebench.train(flavour, data, latent=2, **settings)
    codes = vaebench.encode(model, data.test.images).double()
    a, b = (codes[numbers] for numbers in pairs(data.test.labels, PAIRS))
    space = Immersed(immersion(model.decoder.double().requires_grad_(False)))
    found = geodesics(space, a, b)
    best = relaxed(space, shortest(space, grid(codes), a, b))
    assert len(best) == PAIRS and found.trusted.double().mean() > 0.95
    assert (found.line_length / best).max() > bend
    ratio = (found.length / best)[found.trusted]
    assert ratio.min() > 0.999 and ratio.max() < 1.01
