r"""VAE of annealed KL. Bowman et al. 2016, https://arxiv.org/abs/1511.06349; Fu et al. 2019, https://arxiv.org/abs/1903.10145.

One cycle is Bowman's annealing (with a linear ramp), several are Fu's cyclical schedule. Validation always uses the
final weight, so that epochs compare.
"""

from vaebench.model.flavour import flavour
from vaebench.model.objectives.schedule import ramp
from vaebench.study.ranges import Count, Fraction, NonNegative


@flavour()
def annealed_vae(vae, x, *, beta: NonNegative = 1.0, cycles: Count = 1, warmup: Fraction = 0.5, progress):
    r"""$-\mathbb E_q[\log p(x|z)] + \beta\,w\,\mathrm{KL}(q(z|x) \| p(z))$,
    where $w$ grows linearly from 0 to 1 over the first ``warmup`` of each of the ``cycles`` of training."""
    draw = vae(x)
    weight = ramp(progress * cycles % 1, warmup) if vae.training else 1
    return {"distortion": -draw.log_px, "rate": beta * weight * draw.kl}
