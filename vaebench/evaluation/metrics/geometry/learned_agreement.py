"""Whether a learned Riemannian metric knows what the decoder's pull-back does."""

import torch

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES
from vaebench.geometry.scalars import log_magnification


@metric(unit="", better=None, most=1, over=PLACES)
def learned_agreement(cloud) -> float:
    """Spearman's correlation of the logarithms of the two metrics' magnification factors over points."""
    known = cloud.survey.learned_metric
    from scipy.stats import spearmanr  # half a second, only for the flavour that needs it

    latents = cloud.survey.manifold.latents(cloud.y).to(cloud.survey.codes)
    learned = torch.linalg.slogdet(known(latents)).logabsdet
    return float(spearmanr(learned.cpu(), log_magnification(cloud.singular_values).cpu(), nan_policy="omit").statistic)
