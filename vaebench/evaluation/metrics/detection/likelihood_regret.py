"""What a posterior of its own would gain an image. Xiao, Yan & Amit 2020, https://arxiv.org/abs/2003.02977, equation 5;
here the Gaussian of each image is refined, and not the whole encoder.
"""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.detection.aupr import average_precision
from vaebench.evaluation.metrics.detection.fpr_95 import false_positives


@metric(
    unit="%",
    better=None,
    least=0,
    most=100,
    needs=("gaussian_posterior", "prior", "likelihood"),
    tier="thorough",
    best="separated scores",
    worst="the same images",
)
def likelihood_regret(foreign) -> dict[str, float]:
    """`auroc`, `aupr` and `fpr_95` by the ELBO after refinement less that before, of evenly spaced images of either
    dataset."""
    inside, outside = (
        best - encoded for encoded, best in (side.evidence.elbos for side in (foreign.inside, foreign.outside))
    )
    outer = np.arange(len(inside) + len(outside)) >= len(inside)
    scores = torch.cat([inside, outside]).cpu().numpy()
    measures = {"auroc": roc_auc_score, "aupr": average_precision, "fpr_95": false_positives}
    return {name: 100 * float(measure(outer, scores)) for name, measure in measures.items()}
