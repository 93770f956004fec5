"""One file per metric, named as the function in it, in the folder of the table that shows it.

A folder's ``SUBJECT`` says what its metrics are given: "model" (where it says nothing) is a trained run before the test
set, "survey" its latent geometry, measured where a configuration has `geometry`.
"""

ORDER = ("likelihood", "reconstruction", "latent", "geometry", "curvature", "interpolation", "neighbourhood")
