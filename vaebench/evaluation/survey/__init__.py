"""The latent geometry of a trained run: a `survey` and its parts, which metrics are measured over."""

PLACES = ("test", "prior", "midpoint")
PATHS = ("line", "geodesic")
NEIGHBOURHOODS = ("latent", "graph")
DISTANCES = ("pixel", "latent", "mahalanobis", "ends", "line", "geodesic", "shuffled")
PAIRS = tuple(f"{kind} pairs" for kind in DISTANCES)
DISCRETE = "its latents are discrete codes, with nothing between them"
