"""How far annealed importance sampling is from the evidence, at most: bidirectional Monte Carlo.

Grosse, Ghahramani & Adams 2015, https://arxiv.org/abs/1511.02543; of decoders, Wu et al. 2017,
https://arxiv.org/abs/1611.04273.
"""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", needs=("prior", "likelihood"), tier="thorough")
def bdmc_gap(subject) -> Estimate:
    r"""The upper less the lower bound of $\log p(x)$, mean over images that the model makes; 0 where it is exact."""
    if subject.evidence.exact:
        return Estimate(0.0)
    lower, upper = subject.evidence.bracket()
    return Estimate.of(upper - lower)._replace(each=None)
