"""Whether neighbours among images are neighbours among codes. Venna & Kaski 2001,
https://doi.org/10.1007/3-540-44668-0_68.
"""

from sklearn.manifold import trustworthiness

from vaebench.evaluation.metric import metric

NEIGHBOURS = 15


@metric(unit="", better="higher", least=0, most=1, best="pixels", worst="noise")
def continuity(representation) -> float:
    """Trustworthiness the other way round, of 15 neighbours among 1,000 evenly spaced test images."""
    few = representation.few
    return float(trustworthiness(representation.codes[few], representation.images[few], n_neighbors=NEIGHBOURS))
