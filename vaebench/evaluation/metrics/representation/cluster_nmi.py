"""Clusters of codes against classes, as information. Vinh et al. 2010, https://jmlr.org/papers/v11/vinh10a.html."""

from sklearn.metrics import normalized_mutual_info_score

from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", least=0, most=1, needs=("labels",), best="classes", worst="noise")
def cluster_nmi(representation) -> float:
    """Mutual information of classes and as many k-means clusters, over the mean of their entropies."""
    return float(normalized_mutual_info_score(representation.labels, representation.clusters))
