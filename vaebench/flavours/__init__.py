"""One file per flavour, named as the function in it, in the folder of its family; adding a file adds a flavour."""

ORDER = (
    "gaussian",
    "distortions",
    "bounds",
    "posteriors",
    "priors",
    "curved",
    "discrete",
    "deterministic",
    "controls",
)
