"""Share of test images among the samples. Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991, equation 2."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, best="training images", worst="the mean image")
def recall(generation) -> float:
    """Test images that lie in the ball of a sample, which reaches its fifth neighbour in the judge's features.

    A few samples far off have wide balls: noise may score high, which `coverage` does not let it.
    """
    _, reached, _ = generation.neighbours
    return 100 * float(reached.double().mean())
