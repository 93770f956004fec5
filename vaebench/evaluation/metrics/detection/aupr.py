"""Area under the precision-recall curve. Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136."""

from sklearn.metrics import average_precision_score

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, best="separated scores", worst="equal scores")
def aupr(foreign) -> dict[str, float]:
    """Average precision of foreign images by score; the share of foreign images is chance."""
    return {name: 100 * float(average_precision_score(*values)) for name, values in foreign.judged.items()}
