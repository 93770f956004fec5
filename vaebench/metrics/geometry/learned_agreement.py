"""Whether a learned Riemannian metric knows what the decoder's pull-back does."""

import torch
from scipy.stats import spearmanr

from ...geometry.scalars import log_magnification
from ...metric import metric
from ...survey import PLACES


@metric(unit="", better=None, table="geometry", over=PLACES)
def learned_agreement(place) -> float:
    """Spearman's correlation of the logarithms of the two metrics' magnification factors over points."""
    known = place.survey.learned_metric
    latents = place.survey.manifold.latents(place.y).to(place.survey.codes)
    learned = torch.linalg.slogdet(known(latents)).logabsdet
    return float(spearmanr(learned.cpu(), log_magnification(place.singular_values).cpu(), nan_policy="omit").statistic)
