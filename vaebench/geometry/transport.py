r"""The exponential map and parallel transport: ordinary differential equations of a metric's connection.

Solved by the classical Runge-Kutta method of order 4 with equal steps, for many points at once. Points and vectors are
(..., latent), in the coordinates of the latent space. Decoders need two derivatives: no ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaebench.geometry.curvature import along
from vaebench.geometry.geodesics import Map, Space

Field = Callable[[int, Tensor], Tensor]
DOUBLINGS = 4


@torch.no_grad()
def exponential(
    space: Space, z: Tensor, velocity: Tensor, *others: Tensor, steps: int = 32, tolerance: float = 1e-6
) -> tuple[Tensor, ...]:
    r"""The end of the geodesic that leaves ``z`` with ``velocity``, after time 1: $\ddot c = -\Gamma(\dot c, \dot c)$.

    Then the velocity there, and ``others``, further vectors at ``z``, carried along the geodesic by parallel transport.
    For each point on its own ``steps`` are doubled, four times at most, until that moves what is found by no more than
    ``tolerance`` of its size; infinity takes them as they are.
    """

    def field(_: int, state: Tensor) -> Tensor:
        place, vectors = state[0], state[1:]
        return torch.cat((vectors[:1], -space.connection(place, vectors[0], vectors)))

    state = torch.stack(torch.broadcast_tensors(z, velocity, *others))
    flat = state.flatten(1, -2) if state.dim() > 2 else state[:, None]
    found = _solve(field, flat, steps)
    rows = torch.arange(flat.shape[1], device=flat.device)
    for doubled in range(1, 1 + DOUBLINGS):
        if not math.isfinite(tolerance) or not len(rows):
            break
        finer = _solve(field, flat[:, rows], steps << doubled)
        moved = (finer - found[:, rows]).norm(dim=-1) > tolerance * finer.norm(dim=-1)
        found[:, rows] = finer
        rows = rows[moved.any(0)]
    return tuple(found.reshape(state.shape))


@torch.no_grad()
def transport(space: Space, curve: Map, vector: Tensor, *, steps: int = 32) -> Tensor:
    r"""``vector`` (..., latent) from the start of a curve to its end: $\dot w = -\Gamma(\dot c, w)$.

    ``curve`` maps times (points,) in [0, 1] to points (..., points, latent), as `Geodesics.curve` does.
    """
    times = torch.linspace(0, 1, 2 * steps + 1, dtype=vector.dtype, device=vector.device)
    places, velocities = curve(times), along(curve, times, torch.ones_like(times))

    def field(half: int, state: Tensor) -> Tensor:
        return -space.connection(places[..., half, :], velocities[..., half, :], state)

    return _solve(field, vector, steps)


def _solve(field: Field, state: Tensor, steps: int) -> Tensor:
    """The state after time 1; ``field`` is a function of half steps done and the state."""
    for done in range(0, 2 * steps, 2):
        first = field(done, state)
        second = field(done + 1, state + first / (2 * steps))
        third = field(done + 1, state + second / (2 * steps))
        last = field(done + 2, state + third / steps)
        state = state + (first + 2 * second + 2 * third + last) / (6 * steps)
    return state
