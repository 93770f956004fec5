"""Classes from codes by the nearest training images. Cover & Hart 1967, https://doi.org/10.1109/TIT.1967.1053964."""

from sklearn.neighbors import KNeighborsClassifier

from vaebench.evaluation.metric import metric


@metric(unit="%", better="higher", least=0, most=100, needs=("labels",), best="classes", worst="noise")
def neighbour_probe(representation) -> float:
    """Accuracy on test images of the commonest class of the five nearest standardised codes in training."""
    codes, labels = representation.training
    found = KNeighborsClassifier(min(5, len(codes))).fit(codes, labels)
    return 100 * float((found.predict(representation.codes) == representation.labels).mean())
