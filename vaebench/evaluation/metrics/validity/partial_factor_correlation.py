"""What a distance tells of true factors of variation beyond what the distance of pixels does. Kim 2015,
https://doi.org/10.5351/CSAM.2015.22.6.665."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.validity._correlation import partial_spearman
from vaebench.evaluation.survey import PAIRS, factors


@metric(unit="", better="higher", least=-1, most=1, over=PAIRS, shown=False)
def partial_factor_correlation(distances) -> float:
    """`factor_correlation` given pixels: Spearman's partial correlation, 0 where it tells no more than they do."""
    return partial_spearman(distances, factors.of_pairs)
