"""Share of samples among the test images. Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991, equation 2."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, best="training images", worst="uniform noise")
def precision(generation) -> float:
    """Samples that lie in the ball of a test image, which reaches its fifth neighbour in the judge's features."""
    held, _, _ = generation.neighbours
    return 100 * float((held > 0).double().mean())
