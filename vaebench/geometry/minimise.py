r"""Many small minimisations at once, each on its own: L-BFGS, the rows of one matrix being the problems.

Nocedal & Wright 2006, algorithm 7.4, with backtracking (algorithm 3.1). Each row has a step length of its own, so that
one evaluation of all rows is a new iterate for some and a shorter step for others; rows that are done leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

DESCENT, SHORTEST = 1e-4, 1e-8


@torch.no_grad()
def minimise(
    function: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    *,
    scale: float,
    tolerance: float,
    evaluations: int,
    memory: int = 10,
) -> tuple[Tensor, Tensor]:
    r"""Where each row's non-negative ``function`` is least: the rows (rows, size), and which have converged (rows,).

    ``function`` maps rows of parameters (some, size) and their numbers (some,) to values (some,), each row's a function
    of that row alone. ``scale`` is a guess of $1 / f''$. A row has converged when the decrease that its quadratic model
    promises, $\frac12 \nabla f^\top H \nabla f$, is at most ``tolerance`` times its value. A value that is not finite
    is a step too far; at the start, it ends the row.
    """
    found, converged = start.clone(), torch.zeros(len(start), dtype=torch.bool, device=start.device)
    rows, x = torch.arange(len(start), device=start.device), start
    value, slope = _differentiate(function, x, rows)
    direction, step = -scale * slope, torch.ones_like(value)
    moves = turns = x.new_zeros(len(x), memory, x.shape[1])  # the newest last
    for _ in range(evaluations):
        promise = -(slope * direction).sum(-1)
        settled = 0.5 * promise <= tolerance * value
        going = ~settled & (step > SHORTEST) & value.isfinite()
        found[rows], converged[rows] = x, settled
        if not going.any():
            return found, converged
        if not going.all():
            state = (rows, x, value, slope, direction, step, moves, turns, promise)
            rows, x, value, slope, direction, step, moves, turns, promise = (part[going] for part in state)

        trial = x + step[:, None] * direction
        there, tilt = _differentiate(function, trial, rows)
        there = there.nan_to_num(torch.inf, torch.inf)
        lower = there <= value - DESCENT * step * promise
        shorter = step * (0.5 * step * promise / (there - value + step * promise)).clamp(0.1, 0.5)
        move, turn = trial - x, tilt - slope
        curved = lower & ((move * turn).sum(-1) > 1e-10 * move.norm(dim=-1) * turn.norm(dim=-1))
        moves = torch.where(curved[:, None, None], torch.cat((moves[:, 1:], move[:, None]), 1), moves)
        turns = torch.where(curved[:, None, None], torch.cat((turns[:, 1:], turn[:, None]), 1), turns)
        x, slope = torch.where(lower[:, None], trial, x), torch.where(lower[:, None], tilt, slope)
        value, step = torch.where(lower, there, value), torch.where(lower, 1.0, shorter)
        direction = torch.where(lower[:, None], -_product(moves, turns, slope, scale), direction)
    found[rows] = x
    return found, converged


def _differentiate(function: Callable[[Tensor, Tensor], Tensor], x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = function(x, rows)
        (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), slope


def _product(moves: Tensor, turns: Tensor, slope: Tensor, scale: float) -> Tensor:
    """The inverse Hessian that moves and turns (rows, memory, size) tell of, times ``slope`` (rows, size)."""
    inner = (moves * turns).sum(-1, keepdim=True)
    weights = torch.where(inner > 0, 1 / inner, 0)
    shares = []
    for move, turn, weight in zip(*(part.flip(1).unbind(1) for part in (moves, turns, weights)), strict=True):
        shares.append(weight * (move * slope).sum(-1, keepdim=True))
        slope = slope - shares[-1] * turn
    newest = inner[:, -1] / turns[:, -1].square().sum(-1, keepdim=True)
    slope = slope * torch.where(inner[:, -1] > 0, newest, scale)
    for move, turn, weight in zip(*(part.unbind(1) for part in (moves, turns, weights)), strict=True):
        slope = slope + (shares.pop() - weight * (turn * slope).sum(-1, keepdim=True)) * move
    return slope
