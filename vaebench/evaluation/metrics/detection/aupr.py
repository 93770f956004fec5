"""Area under the precision-recall curve. Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136."""

from sklearn.metrics import average_precision_score

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="%", better="higher", least=0, most=100, best="separated scores", worst="the same images")
def aupr(foreign) -> dict[str, Estimate]:
    """Average precision of foreign images by score; the share of foreign images is chance."""
    return foreign.told(average_precision_score)
