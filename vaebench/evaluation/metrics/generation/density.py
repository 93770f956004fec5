"""How densely samples lie among the test images. Naeem et al. 2020, https://arxiv.org/abs/2002.09797, equation 5."""

from vaebench.evaluation.generation import NEAREST
from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", least=0, best="training images", worst="uniform noise")
def density(generation) -> float:
    """Balls of test images that hold a sample, over five, mean over samples: 1 in expectation for the same law."""
    held, _, _ = generation.neighbours
    return float(held.double().mean()) / NEAREST
