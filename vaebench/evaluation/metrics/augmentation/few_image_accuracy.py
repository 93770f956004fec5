"""What a classifier learns of few images. Chadebec et al. 2022, https://arxiv.org/abs/2105.00026, table 2."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, tier="thorough")
def few_image_accuracy(augmentation) -> float:
    """Accuracy on test images of a classifier of the few training images alone: what samples have to better."""
    return augmentation.few_accuracy
