"""How good samples are."""

QUESTION = "generation"
ANSWER = ("frechet_distance", "sliced_wasserstein")
SUBJECT = "samples"
HEADLINE = ("frechet_distance", "precision", "recall", "memorisation")
PARTS = {
    "distances of distributions": ("frechet_distance", "kernel_distance", "sliced_wasserstein", "label_divergence"),
    "fidelity and coverage": ("precision", "recall", "density", "coverage", "memorisation"),
}
