"""Whether a distance tells images of two classes from images of one: what agreement alone does not ask."""

from sklearn.metrics import roc_auc_score

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PAIRS


@metric(unit="%", better="higher", least=0, most=100, over=PAIRS)
def class_separation(distances) -> float:
    """Area under the ROC curve of the distance: how often a pair of two classes is further apart than one of one class.

    50 is chance. Pairs without a distance are left out.
    """
    values = distances.values
    known = values.isfinite().cpu()
    apart = ~distances.alike[known]
    if not 0 < int(apart.sum()) < len(apart):
        raise Missing("there are no pairs both of one class and of two")
    return 100 * float(roc_auc_score(apart.numpy(), values.cpu()[known].numpy()))
