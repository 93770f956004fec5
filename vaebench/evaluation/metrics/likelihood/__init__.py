"""How probable test images are."""

QUESTION = "likelihood"
ANSWER = ("nll", "elbo")
PARTS = {"": ("nll", "elbo", "rate", "distortion", "effective_sample_size", "high_pareto_k")}
