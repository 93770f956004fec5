"""Clusters of codes against classes, as pairs. Hubert & Arabie 1985, https://doi.org/10.1007/BF01908075."""

from sklearn.metrics import adjusted_rand_score

from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", most=1, needs=("labels",), best="classes", worst="noise")
def cluster_ari(representation) -> float:
    """Adjusted Rand index of classes and as many k-means clusters: 0 is chance."""
    return float(adjusted_rand_score(representation.labels, representation.clusters))
