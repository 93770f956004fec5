"""Geodesic distances through a graph of neighbouring latents: Tenenbaum et al. 2000, with lengths in a metric.

A path through encodings is the longer, the fewer and the higher-dimensional they are, and is never shorter than a
geodesic but for the steps' own error: trust the graph in few dimensions, or with very many points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vaebench.geometry.geodesics import Space, line

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = np.ndarray


@torch.no_grad()
def graph(space: Space, z: Tensor, *, neighbours: int = 10, segments: int = 8) -> csr_array:
    """Lengths of straight lines from each of ``z`` (points, latent) to its nearest others, a sparse matrix."""
    from scipy.sparse import csr_array  # here and below: not every job that measures needs it

    count = min(neighbours, len(z) - 1)
    gaps = torch.cdist(z.double(), z.double(), compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    edges = gaps.topk(count, largest=False).indices.cpu()
    starts = torch.arange(len(z)).repeat_interleave(count)
    times = torch.linspace(0, 1, segments + 1, dtype=torch.float64)
    lengths = space.steps(line(z[starts], z[edges.flatten()], times)).sum(-1)
    rows = np.arange(0, len(z) * count + 1, count)
    return csr_array((lengths.double().cpu().numpy(), edges.flatten().numpy(), rows), shape=(len(z),) * 2)


def distances(edges: csr_array, sources: Array | None = None) -> Array:
    """Lengths of shortest paths from ``sources`` (all points if None) to all points, infinite where there is none."""
    from scipy.sparse.csgraph import dijkstra

    return dijkstra(edges, directed=False, indices=sources)
