"""The columns of tidy tables: which run, and which part of it, a value belongs to."""

CELL = ["dataset", "architecture", "flavour", "latent"]
RUN = [*CELL, "seed"]
BLOCK = ["dataset", "architecture", "latent"]  # flavours of one block are compared with each other
METRICS = [*RUN, "part", "metric", "value", "reason"]
INTEGERS = ("latent", "seed", "epoch", "pair")
