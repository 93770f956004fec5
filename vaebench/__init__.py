"""Every variational autoencoder, one bench.

>>> import vaebench
>>> data = vaebench.dataset("digits")
>>> model = vaebench.train("beta_vae", data, latent=2, epochs=5, hyperparameters={"beta": 2.0})
>>> vaebench.evaluate(model, data)["elbo"] < 0
True
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["build", "dataset", "decode", "encode", "evaluate", "load", "sample", "save", "train"]


def __getattr__(name: str) -> Any:
    """The interface, imported on first use so that ``import vaebench`` is light."""
    if name in __all__:
        return getattr(importlib.import_module("vaebench.interface"), name)
    raise AttributeError(f"module 'vaebench' has no attribute '{name}'")
