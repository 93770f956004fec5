"""The library without the workflow: build, train, evaluate, save and load a model in a few lines.

A model encodes images to point estimates (``model.encode(x)``), decodes latents to mean images (``model.decode(z)``),
samples from its prior (``model.sample(count, seed)``), and gives its distributions (``model(x)`` is a
`vaebench.model.vae.Draw`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.data.dataset import load as load_data
from vaebench.data.download import download
from vaebench.data.prepare import prepare
from vaebench.evaluation.measure import subjects
from vaebench.evaluation.subject import Subject
from vaebench.model import recipe
from vaebench.model.vae import VAE
from vaebench.study import catalogue, config
from vaebench.training import hardware, runs

Settings = Mapping[str, Any]


def dataset(name: str, folder: str | Path | None = None, **fields: Any) -> Data:
    """A dataset by name, downloaded and prepared if need be; ``fields`` are those of `vaebench.study.config.Dataset`.

    Prepared files are kept in ``folder``; without one they are made afresh in a temporary place. Raises
    `VaebenchError`.
    """
    source = config.dataset(name, fields)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        prepared = place / f"{name}.safetensors"
        if prepared.exists() and (data := load_data(prepared)).source == source:
            return data
        raw = place / name if source.origin(name) == "public" else None
        if raw is not None:
            download(name, raw)
        prepare(name, source, raw, prepared)
        return load_data(prepared)


def build(flavour: str, image: tuple[int, int, int], *, latent: int, seed: int = 0, **settings: Any) -> VAE:
    """A fresh model for images (channels, height, width); ``settings`` as for `config.cell`. Raises `VaebenchError`."""
    return recipe.Recipe.of(config.cell(flavour, latent=latent, **settings), image).build(seed)


def train(
    flavour: str,
    data: Data,
    *,
    latent: int,
    seed: int = 0,
    folder: str | Path | None = None,
    device: str = "auto",
    **settings: Any,
) -> VAE:
    """A model trained on ``data``, the best on validation; ``settings`` as for `config.cell`, such as ``epochs``.

    With a ``folder`` the run is kept in ``folder/seedN``, and an interrupted or finished one is taken up there.
    Raises `VaebenchError`.
    """
    hardware.prepare()
    plan = config.cell(flavour, latent=latent, data=data.name, **settings)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        (run,) = runs.train(plan, [seed], data, place, device=hardware.device(device))
        return load(run)


def evaluate(
    model: VAE,
    data: Data,
    *,
    convention: str = "dynamic",
    seed: int = 0,
    importance_samples: int = 500,
    importance_images: int = 1000,
) -> dict[str, float | None]:
    """Every metric on the test set, each in its own unit; None where it does not apply."""
    device = next((tensor.device for tensor in model.state_dict().values()), hardware.device("cpu"))
    test = data.test.images.to(device)
    subject = Subject(
        model,
        binarisation.scaled(test),
        binarisation.scaled(binarisation.fixed(test, convention, "test")),
        seed,
        importance_samples=importance_samples,
        importance_images=importance_images,
    )
    metrics = [catalogue.load("metrics", name) for name in subjects(None)["model"]]
    return {name: value for metric in metrics for name, value, _ in metric.rows(subject)}


def save(model: VAE, path: str | Path) -> None:
    """Write a model that `build`, `train` or `load` gave to one safetensors file. Raises `VaebenchError`."""
    recipe.save(model, model.recipe, path)


def load(path: str | Path) -> VAE:
    """The model in a file that `save` wrote, or the best of a run's folder. Raises `VaebenchError`."""
    path = Path(path)
    return recipe.load(path / "best.safetensors" if path.is_dir() else path)
