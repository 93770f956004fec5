"""Area under the receiver operating characteristic. Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136."""

from sklearn.metrics import roc_auc_score

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, best="separated scores", worst="equal scores, 50 %")
def auroc(foreign) -> dict[str, float]:
    """Pairs of an image of either dataset in which the foreign one has the higher score, by score; 50 is chance."""
    return {name: 100 * float(roc_auc_score(*values)) for name, values in foreign.judged.items()}
