"""Area under the receiver operating characteristic. Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136."""

from sklearn.metrics import roc_auc_score

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="%", better="higher", least=0, most=100, best="separated scores", worst="the same images, 50 %")
def auroc(foreign) -> dict[str, Estimate]:
    """Pairs of an image of either dataset in which the foreign one has the higher score, by score; 50 is chance."""
    return foreign.told(roc_auc_score)
