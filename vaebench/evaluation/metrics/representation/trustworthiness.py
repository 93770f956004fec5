"""Whether neighbours among codes are neighbours among images. Venna & Kaski 2001,
https://doi.org/10.1007/3-540-44668-0_68.
"""

from sklearn.manifold import trustworthiness as trusted

from vaebench.evaluation.metric import metric

NEIGHBOURS = 15


@metric(unit="", better="higher", least=0, most=1, best="pixels", worst="noise")
def trustworthiness(representation) -> float:
    """Of 15 neighbours among 1,000 evenly spaced test images."""
    few = representation.few
    return float(trusted(representation.images[few], representation.codes[few], n_neighbors=NEIGHBOURS))
