"""How far classes are apart among codes. Rousseeuw 1987, https://doi.org/10.1016/0377-0427(87)90125-7."""

import numpy as np
from sklearn.metrics import silhouette_score

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", least=-1, most=1, needs=("labels",), best="classes", worst="noise")
def silhouette(representation) -> float:
    """Mean over 1,000 evenly spaced test images, the classes as clusters of standardised codes."""
    few = representation.few
    if not 1 < len(np.unique(representation.labels[few])) < len(few):
        raise Missing("these test images are of one class, or of one each")
    return float(silhouette_score(representation.codes[few], representation.labels[few]))
