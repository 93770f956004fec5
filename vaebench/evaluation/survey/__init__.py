"""The latent geometry of a trained run: a `survey` and its parts, which metrics are measured over."""

from vaebench.study import catalogue

METRICS = tuple(catalogue.names("latent_metrics"))
PLACES = ("test", "prior", "midpoint")
PATHS = ("line", "geodesic", *METRICS)  # a geodesic is that of a study's first metric, a metric's name that of another
NEIGHBOURHOODS = ("pixel", "latent", "mahalanobis", "ends", "graph")
DISTANCES = ("pixel", "latent", "mahalanobis", "untrained", "ends", "line", "geodesic", *METRICS, "shuffled")
PAIRS = tuple(f"{kind} pairs" for kind in DISTANCES)
NO_VECTORS = "its latents are no vectors, that they had a covariance"
DISCRETE = "its latents are discrete codes, with nothing between them"


def present(parts: tuple[str, ...], metrics: list[str]) -> list[str]:
    """Those of the parts that a study of these metrics has."""
    absent = {*METRICS} - {*metrics[1:]}
    return [part for part in parts if part.removesuffix(" pairs") not in absent]
