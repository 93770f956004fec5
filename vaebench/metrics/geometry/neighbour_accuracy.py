"""Classification by neighbours among codes."""

from ...geometry.neighbours import accuracy
from ...metric import metric
from ...survey import NEIGHBOURHOODS


@metric(unit="%", better="higher", table="neighbourhood", over=NEIGHBOURHOODS)
def neighbour_accuracy(neighbourhood) -> float:
    """Test images whose class is the commonest among the five nearest others."""
    return 100 * accuracy(neighbourhood.distances, neighbourhood.labels)
