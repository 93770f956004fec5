"""How many codes discrete latents use as if evenly. van den Oord et al. 2017, https://arxiv.org/abs/1711.00937."""

from torch.special import entr

from vaebench.evaluation.metric import metric


@metric(unit="codes", better=None, least=1, needs=("codes",))
def code_perplexity(subject) -> float:
    r"""$\exp H(\mathbb E_x\,q(k|x))$ of the codes $k$ over the test set; mean over the positions of a latent."""
    mass, _ = subject.codes
    return float(entr(mass).sum(-1).exp().mean())
