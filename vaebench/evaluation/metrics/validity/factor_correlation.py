"""Distances against those in the true factors of variation, as in representational similarity analysis. Kriegeskorte et
al. 2008, https://doi.org/10.3389/neuro.06.004.2008."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.validity._correlation import spearman
from vaebench.evaluation.survey import PAIRS, factors


@metric(unit="", better="higher", least=-1, most=1, over=PAIRS)
def factor_correlation(distances) -> float:
    """Spearman's correlation of the distance with `vaebench.evaluation.survey.factors.distance` over pairs.

    Pairs without a distance are left out.
    """
    return spearman(distances, factors.of_pairs)
