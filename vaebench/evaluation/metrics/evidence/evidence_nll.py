"""Negative log evidence by quadrature, by enumeration, or by annealed importance sampling.

The latter is that of Neal 2001, https://arxiv.org/abs/physics/9803008, as Wu et al. 2017,
https://arxiv.org/abs/1611.04273, have it for decoders.
"""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", needs=("prior", "likelihood"), tier="thorough")
def evidence_nll(subject) -> Estimate:
    r"""$-\log \int p(x|z)\,p(z)\,dz$, mean over evenly spaced test images.

    Exact for latents of two coordinates at most and for few discrete ones, else in expectation an upper bound, which
    `bdmc_gap` tries out.
    """
    return subject.evidence.estimate(-subject.evidence.log_p)
