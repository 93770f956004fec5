"""Negative log-likelihood by importance sampling. Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8."""

import torch

from vaebench.errors import Missing
from vaebench.evaluation.metric import Estimate, metric
from vaebench.evaluation.subject import of_weights
from vaebench.model.objectives.bounds import importance_weighted


@metric(unit="nats", better="lower", needs=("posterior", "draws", "prior", "likelihood"), worst="mean")
def nll(subject) -> Estimate:
    r"""$-\log \frac1K \sum_k p(x, z_k) / q(z_k|x)$, in expectation an upper bound of $-\log p(x)$; mean over images.

    Of $N$ test images those of a subset $S$ of $n$, evenly spaced, have weights, and the ELBO corrects for which these
    are: minus the mean ELBO of all images, less the mean gap on $S$ (the difference estimator of Cochran 1977, Sampling
    Techniques, section 7.2). The ELBO $e_i$ is that of one latent, but on $S$ the mean $\bar e_i$ of the log weights,
    which has its expectation and less noise. With $\ell_i$ the logarithm of the mean weight the estimate is minus
    $\frac1N \sum_{i \notin S} e_i + \frac1n \sum_{i \in S} (\ell_i - (1 - \frac nN)\,\bar e_i)$: sums over different
    images, so that its squared error is
    $\frac{N - n}{N^2} \mathrm{Var}(e) + \frac1n \mathrm{Var}(\ell - (1 - \frac nN)\,\bar e)$. Where $S$ is all images
    both are those of the plain mean of $-\ell$.
    """
    log_w, elbo, chosen = subject.log_w, subject.elbo, subject.chosen
    if not log_w.isfinite().all():
        raise Missing("its importance weights are not finite")
    total, rest = len(elbo), len(elbo) - len(chosen)
    log_p = of_weights(log_w, importance_weighted)
    each = torch.full_like(elbo, torch.nan)
    each[chosen] = -log_p
    corrected = log_p - rest / total * of_weights(log_w, lambda some: some.mean(0))
    value = -float(elbo[each.isnan()].sum() / total + corrected.mean())
    if len(chosen) < 2:
        return Estimate(value, None, each)
    return Estimate(value, float((rest / total**2 * elbo.var() + corrected.var() / len(chosen)).sqrt()), each)
