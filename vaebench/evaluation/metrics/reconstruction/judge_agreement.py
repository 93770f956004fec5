"""Whether reconstructions stay of their class."""

from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, needs=("images", "judge"), best="copy", worst="mean")
def judge_agreement(subject) -> Tensor:
    """Test images that the judge takes for the same class as the decoder's mean."""
    if not subject.reconstructions.isfinite().all():
        raise Missing("its images are not finite")
    classes = [subject.judge.probabilities(images).argmax(1) for images in (subject.grey, subject.reconstructions)]
    return 100 * (classes[0] == classes[1]).double()
