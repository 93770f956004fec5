"""Classification by neighbours among codes."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import NEIGHBOURHOODS
from vaebench.geometry.neighbours import accuracy


@metric(unit="%", better="higher", least=0, most=100, over=NEIGHBOURHOODS)
def neighbour_accuracy(neighbourhood) -> float:
    """Test images whose class is the commonest among the five nearest others."""
    return 100 * accuracy(neighbourhood.distances, neighbourhood.labels)
