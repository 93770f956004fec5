"""Binary cross-entropy of reconstructions."""

import torch.nn.functional as F
from torch import Tensor

from vaebench.evaluation.metric import metric

MARGIN = 1e-6


@metric(unit="nats", better="lower", least=0, needs=("images",), best="copy", worst="mean")
def bce(subject) -> Tensor:
    r"""$-\sum_i x_i \log \hat x_i + (1 - x_i) \log(1 - \hat x_i)$ of grey pixels $x$ and the decoder's mean $\hat x$,
    kept $10^{-6}$ inside [0, 1]; mean over the test set. No likelihood: grey values are no bits."""
    mean = subject.reconstructions.double().clamp(MARGIN, 1 - MARGIN)
    return F.binary_cross_entropy(mean, subject.grey.double(), reduction="none").flatten(1).sum(1)
