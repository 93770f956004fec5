"""Frechet distances in the features of judges that were trained from other seeds: whether rankings hold."""

from vaebench.errors import Missing
from vaebench.evaluation.generation import Images
from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.generation.frechet_distance import unbiased


@metric(unit="", better="lower", shown=False, needs=("other_judges",), best="training images", worst="uniform noise")
def other_judges_distance(generation) -> dict[str, float]:
    """As `frechet_distance`, of the second, third... judge."""
    for test in generation.further:
        if test.judge.fault:
            raise Missing(test.judge.fault)
    samples = generation.generated.images
    return {
        str(place): unbiased(Images(test.judge, samples).features, test.features)
        for place, test in enumerate(generation.further, start=2)
    }
