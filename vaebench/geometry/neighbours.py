"""Clusters and classes from a matrix of distances alone, infinite where there is no path."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def k_medoids(distances: Array, clusters: int) -> tuple[Array, Array]:
    """Medoids (clusters,) in ascending order and each point's cluster (points,), of distances (points, points).

    Kaufman & Rousseeuw 1990: greedy, then the best swap of a medoid for another point while one lowers the sum of the
    distances to the nearest medoid. Nothing is random, and of equal choices the first is taken.
    """
    finite = np.isfinite(distances)
    far = 1 + len(distances) * distances[finite].max()  # further than every path
    distances = np.where(finite, distances, far)
    medoids: list[int] = []
    nearest = np.full(len(distances), far)
    for _ in range(clusters):
        gains = np.minimum(distances - nearest[:, None], 0).sum(0)
        gains[medoids] = np.inf
        medoids.append(int(gains.argmin()))
        nearest = np.minimum(nearest, distances[:, medoids[-1]])
    while True:
        columns = distances[:, medoids]
        owner = columns.argmin(1)
        nearest = columns.min(1)
        second = np.partition(columns, 1, 1)[:, 1] if clusters > 1 else np.full(len(distances), np.inf)
        shared = np.minimum(distances - nearest[:, None], 0)
        lost = np.minimum(distances, second[:, None]) - nearest[:, None] - shared
        change = shared.sum(0) + (owner == np.arange(clusters)[:, None]) @ lost  # (clusters, points), Schubert 2019
        leaves, joins = np.unravel_index(change.argmin(), change.shape)
        if change[leaves, joins] >= -1e-12 * nearest.sum():
            break
        medoids[leaves] = int(joins)
    medoids.sort()
    return np.array(medoids), distances[:, medoids].argmin(1)


def adjusted_rand_index(first: Array, second: Array) -> float:
    """How alike two partitions of points (points,) are: 0 is chance, 1 the same. Hubert & Arabie 1985, equation 5."""
    table = np.zeros((len(np.unique(first)), len(np.unique(second))))
    np.add.at(table, (np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]), 1)
    both, rows, columns, total = (
        (counts * (counts - 1) / 2).sum() for counts in (table, table.sum(1), table.sum(0), table.sum())
    )
    expected, most = rows * columns / total, (rows + columns) / 2
    return float((both - expected) / (most - expected)) if most != expected else 1.0


def accuracy(distances: Array, labels: Array, neighbours: int = 5) -> float:
    """Share of points (points, points) whose class is the commonest among their nearest others, the smallest of equals.

    A point without a path to ``neighbours`` others is judged by those that it has, and is wrong if it has none.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    others = np.where(np.eye(len(codes), dtype=bool), np.inf, distances)
    nearest = others.argsort(1, kind="stable")[:, :neighbours]
    weights = np.isfinite(np.take_along_axis(others, nearest, 1)).astype(float)
    votes = (weights[..., None] * (codes[nearest][..., None] == np.arange(len(classes)))).sum(1)
    return float(((votes.argmax(1) == codes) & (votes.max(1) > 0)).mean())
