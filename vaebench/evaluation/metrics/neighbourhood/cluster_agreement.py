"""Clusters of codes against classes. Hubert & Arabie 1985, https://doi.org/10.1007/BF01908075."""

import numpy as np

from vaebench.evaluation.metric import metric
from vaebench.geometry.neighbours import adjusted_rand_index, k_medoids


@metric(unit="", better="higher", most=1, over=("latent", "graph"))
def cluster_agreement(neighbourhood) -> float:
    """Adjusted Rand index of classes and as many clusters around medoids: 0 is chance, 1 is the same partition."""
    labels = neighbourhood.labels
    _, clusters = k_medoids(neighbourhood.distances, len(np.unique(labels)))
    return float(adjusted_rand_index(labels, clusters))
