"""False positives at 95 % true positives. Liang et al. 2018, https://arxiv.org/abs/1706.02690, section 4."""

import numpy as np

from vaebench.evaluation.metric import metric


@metric(unit="%", better="lower", least=0, most=100, best="separated scores", worst="equal scores, 95 %")
def fpr_95(foreign) -> dict[str, float]:
    """Own images whose score is at least that which 95 % of the foreign ones reach, by score."""
    found = {}
    for name, (outside, scores) in foreign.judged.items():
        threshold = np.quantile(scores[outside], 0.05, method="lower")
        found[name] = 100 * float((scores[~outside] >= threshold).mean())
    return found
