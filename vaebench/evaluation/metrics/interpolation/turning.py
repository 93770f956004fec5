"""How straight a path is among images."""

import torch.nn.functional as F

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="rad", better="lower", least=0, over=PATHS)
def turning(curves) -> float:
    """Total angle that the path of decoder means turns by: 0 is straight; mean over trusted pairs."""
    steps = curves.survey.decoder.means(curves.measured).flatten(2).double().diff(dim=1)
    cosines = F.cosine_similarity(steps[:, 1:], steps[:, :-1], dim=-1).clamp(-1, 1)
    return float(cosines.acos().sum(-1).mean())
