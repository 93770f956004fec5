"""Share of test images that have samples nearby. Naeem et al. 2020, https://arxiv.org/abs/2002.09797, equation 6."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, best="training images", worst="uniform noise")
def coverage(generation) -> float:
    """Test images whose ball, which reaches their fifth neighbour in the judge's features, holds a sample."""
    _, _, covered = generation.neighbours
    return 100 * float(covered.double().mean())
