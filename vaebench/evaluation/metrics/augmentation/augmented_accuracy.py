"""What a classifier learns of few images and of samples. Chadebec et al. 2022, https://arxiv.org/abs/2105.00026,
table 2.
"""

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, tier="thorough", best="training images", worst="uniform noise")
def augmented_accuracy(augmentation) -> float:
    """Accuracy on test images of the same classifier, of the few training images and 200 samples of each class."""
    return augmentation.accuracy
