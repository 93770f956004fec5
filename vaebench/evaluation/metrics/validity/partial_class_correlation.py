"""What a distance tells of classes beyond what the distance of pixels does. Kim 2015,
https://doi.org/10.5351/CSAM.2015.22.6.665, who has Spearman's correlation in partial form."""

from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.validity._correlation import partial_spearman
from vaebench.evaluation.survey import PAIRS
from vaebench.evaluation.survey.distances import Distances


@metric(unit="", better="higher", least=-1, most=1, over=PAIRS, shown=False)
def partial_class_correlation(distances) -> float:
    """Spearman's partial correlation of the distance with whether the two images are of two classes, given pixels.

    0 is a distance that tells no more than how far apart the images' pixels are. Pairs without a distance are left out.
    """
    return partial_spearman(distances, _apart)


def _apart(distances: Distances) -> Tensor:
    """Whether the two images of a pair are of two classes, (pairs,)."""
    alike = distances.alike
    if alike.all() or not alike.any():
        raise Missing("there are no pairs both of one class and of two")
    return ~alike
