"""The library without the workflow: build, train, evaluate, save and load a model in a few lines.

`encode` and `decode` take arrays and tensors of any kind. A model's own methods take tensors of its type and device: it
encodes images to point estimates (``model.encode(x)``), decodes latents to mean images (``model.decode(z)``), samples
from its prior (``model.sample(count, seed)``), and gives its distributions (``model(x)`` is a
`vaebench.model.vae.Draw`).
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaebench.data import binarisation
from vaebench.data.arrays import held
from vaebench.data.dataset import Data, current
from vaebench.data.dataset import load as load_data
from vaebench.data.download import download
from vaebench.data.prepare import prepare, store
from vaebench.errors import VaebenchError, one_line
from vaebench.evaluation.bench import subject as before
from vaebench.evaluation.representation import Representation
from vaebench.model import recipe
from vaebench.model.vae import VAE
from vaebench.samplers import fitted
from vaebench.samplers.encoded import Encoded, observed
from vaebench.study import catalogue, config, views
from vaebench.training import hardware, runs
from vaebench.training.engine import EVALUATION_BATCH

Settings = Mapping[str, Any]


def dataset(
    name: str,
    folder: str | Path | None = None,
    *,
    images: Any = None,
    labels: Any = None,
    validation: Any = None,
    test: Any = None,
    **fields: Any,
) -> Data:
    """A dataset by name, downloaded and prepared if need be; ``fields`` are those of `vaebench.study.config.Dataset`.

    What is in memory goes by any new name: ``images``, or a table (n, features), and their ``labels`` are arrays of
    NumPy or torch as in `vaebench.data.arrays`, and ``validation`` and ``test`` are further images or pairs (images,
    labels), without which the images are split. Without images, ``labels`` is the path of a file as in a configuration.

    Prepared files are kept in ``folder`` for as long as the settings, the content of the user's files and the code that
    reads them stay what they were; without a folder they are made afresh in a temporary place. Raises `VaebenchError`.
    """
    own = {split: given for split, given in (("validation", validation), ("test", test)) if given is not None}
    if images is None and own:
        raise VaebenchError(f"dataset '{name}': {' and '.join(own)} without images: give the images to train on too")
    if images is not None and "path" in fields:
        raise VaebenchError(f"dataset '{name}': both images and a path: give one of them")
    fields |= {} if labels is None or images is not None else {"labels": labels}
    fields = {field: os.fspath(value) if isinstance(value, os.PathLike) else value for field, value in fields.items()}
    source, code = config.dataset(name, fields, images is not None), catalogue.fingerprint("data/prepare.py")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary).expanduser()
        prepared = place / f"{name}.safetensors"
        if images is not None:
            store(name, source, held(f"dataset '{name}'", images, labels, **own), prepared, code=code)
            return load_data(prepared)
        if prepared.exists() and current(prepared, source, source.fingerprint(name), code):
            return load_data(prepared)
        raw = place / name if source.origin(name) == "public" else None
        if raw is not None:
            download(name, raw)
        prepare(name, source, raw, prepared, code)
        return load_data(prepared)


def build(
    flavour: str,
    image: tuple[int, int, int],
    *,
    latent: int,
    seed: int = 0,
    scale: config.Scale = "unit",
    **settings: Any,
) -> VAE:
    """A fresh model for images (channels, height, width); ``settings`` are those of `vaebench.study.config.Asked`.

    Values lie in [0, 1] on the ``scale`` "unit", anywhere on "real". Raises `VaebenchError`.
    """
    plan = config.cell(flavour, latent=latent, **settings)
    if not isinstance(image, tuple | list) or len(image) != 3:
        raise VaebenchError(f"image: {image!r} is not (channels, height, width)")
    channels, height, width = (config.converted(side, config.Count, "image") for side in image)
    scale, seed = config.converted(scale, config.Scale, "scale"), config.converted(seed, config.Seed, "seed")
    return recipe.Recipe.of(plan, (channels, height, width), scale=scale, seed=seed).build()


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
    """A model trained on ``data``, of the epoch that its flavour selects; ``settings`` as for `build`.

    With a ``folder`` the run is kept in ``folder/seedN``, and an interrupted or finished one is taken up there: SIGINT
    and SIGTERM keep what is done, and raise `KeyboardInterrupt`.
    Raises `VaebenchError`, also for a run that diverges: a folder keeps what there is of it.
    """
    hardware.prepare()
    plan = config.cell(flavour, latent=latent, data=_known(data).name, **settings)
    seed = config.converted(seed, config.Seed, "seed")
    with tempfile.TemporaryDirectory() as temporary:
        every = 30.0 if folder else math.inf
        (run,) = runs.train(plan, [seed], data, Path(folder or temporary), device=hardware.device(device), every=every)
        runs.refuse([runs.record(run)])
        return load(run)


def evaluate(
    model: VAE,
    data: Data,
    *,
    convention: str | None = None,
    seed: int | None = None,
    importance_samples: int = 500,
    importance_images: int = 1000,
) -> dict[str, float | None]:
    """Every metric on the test set, each in its own unit; None where it does not apply.

    The model observes the images by its own convention, and draws by its own seed unless another is given: of a run of
    the workflow, these are the numbers of its table. The data may be others than it was trained on if they are of the
    same shape and scale. Raises `VaebenchError`.
    """
    hardware.prepare(torch.get_num_threads())
    made, data = _made(model), _known(data)
    if convention not in (None, made.convention):
        raise VaebenchError(f"convention '{convention}': the model is one of '{made.convention}': leave it out")
    if (data.shape, data.scale) != (made.image, made.scale):
        raise VaebenchError(
            f"dataset '{data.name}' holds images {data.shape} of scale '{data.scale}', the model takes {made.image} of "
            f"scale '{made.scale}'"
        )
    counts = {"importance_samples": importance_samples, "importance_images": importance_images}
    settings = config.converted(counts, config.Evaluation, "evaluate")
    seed = config.converted(made.seed if seed is None else seed, config.Seed, "seed")
    with _resting(model):
        subject = before(model, data, made.convention, settings, model.like.device, seed)
        given = {"model": subject, "representation": Representation(subject, data)}
        return {
            row.name: row.value
            for view, names in views.metrics(views.ALWAYS, "default").items()
            for name in names
            for row in catalogue.load("metrics", name).rows(given[view])
        }


def encode(model: VAE, images: Any) -> Tensor:
    """Point estimates of the latents of images, (images, latent), on the model's device; nothing is drawn.

    ``images`` are an array or a tensor (images, channels, height, width), or a table (images, features): bytes of which
    255 is white, bool, or floats, which lie in [0, 1] unless the model's scale is "real". A model of the convention
    ``threshold`` sees them at its threshold; to one of ``dynamic`` or ``static`` grey values are the means of draws,
    and black and white ones are draws. Raises `VaebenchError`.
    """
    made = _made(model)
    values = _floats("images", images, scale=made.scale)
    if values.dim() == 2 and made.image[1:] == (1, 1):
        values = values[:, :, None, None]
    if values.shape[1:] != made.image:
        raise VaebenchError(f"images: {tuple(values.shape)} is not (images, {', '.join(map(str, made.image))})")
    if made.convention == "threshold":
        values = binarisation.scaled(binarisation.fixed(values, made.convention, "test"))
    with _resting(model):
        return torch.cat([model.encode(part.to(model.like)) for part in values.split(EVALUATION_BATCH)])


def decode(model: VAE, latents: Any) -> Tensor:
    """Mean images (..., channels, height, width) of latents (..., latent), an array or a tensor, on the model's device.

    Raises `VaebenchError`.
    """
    _made(model)
    values = _floats("latents", latents, scale="real")
    if values.shape[-1:] != (model.width,):
        raise VaebenchError(f"latents: {tuple(values.shape)} is not (..., {model.width})")
    with _resting(model):
        parts = values.reshape(-1, model.width).split(EVALUATION_BATCH)
        images = torch.cat([model.decode(part.to(model.like)) for part in parts])
        return images.unflatten(0, values.shape[:-1]) if values.dim() > 1 else images[0]


def sample(
    model: VAE,
    count: int,
    seed: int = 0,
    *,
    sampler: str = "prior",
    settings: Settings | None = None,
    data: Data | None = None,
    run: str | Path | None = None,
) -> Tensor:
    """Mean images (count, channels, height, width) of latents that a sampler draws, on the model's device.

    ``settings`` are the sampler's own. One that is fitted takes the ``data`` whose training images it is fitted to;
    with the folder of the ``run`` that the model is of, it is kept there, and taken up where it was kept before. Raises
    `VaebenchError`.
    """
    made = _made(model)
    choice = config.Choice.of("samplers", sampler, dict(settings or {}))
    count, seed = config.converted(count, config.Count, "count"), config.converted(seed, config.Seed, "seed")

    def encoded() -> Encoded:
        if data is None and sampler != "prior":
            raise VaebenchError(f"sampler '{sampler}' is fitted to training images: give the data")
        images = _known(data).train.images if data is not None else torch.zeros(1, *made.image)
        return Encoded(model, observed(images.to(model.like.device), made.convention), made.seed)

    with _resting(model):
        if run is None:
            found = fitted.fit(choice, model, encoded(), made.seed)
        else:
            key = runs.record(Path(run))["key"]
            found = fitted.kept(Path(run), key, sampler, choice, model, encoded, made.seed)
        return fitted.draw(found, model, count, seed)


def save(model: VAE, path: str | Path) -> None:
    """Write a model that `build`, `train` or `load` gave to one safetensors file. Raises `VaebenchError`."""
    recipe.save(model, _made(model), path)


def load(path: str | Path) -> VAE:
    """The model in a file that `save` wrote, or the best of a finished run's folder. Raises `VaebenchError`."""
    path = Path(path)
    if path.is_dir():
        runs.refuse([runs.record(path)])
        path /= "best.safetensors"
    return recipe.load(path)


def _made(model: VAE) -> recipe.Recipe:
    """The recipe of a model; raises `VaebenchError` if there is none."""
    if not isinstance(model, VAE):
        raise VaebenchError(f"{type(model).__name__} is no model: give what vaebench.train, build or load returned")
    if model.recipe is None:
        raise VaebenchError("the model has no recipe, which says what it takes: build it by name with vaebench.build")
    return model.recipe


def _known(data: Data) -> Data:
    """The data themselves; raises `VaebenchError` if they are none."""
    if not isinstance(data, Data):
        raise VaebenchError(f"{type(data).__name__} is no dataset: make one with vaebench.dataset(name, images=...)")
    return data


def _floats(what: str, values: Any, *, scale: config.Scale) -> Tensor:
    """An array or tensor as floats, those of scale "unit" in [0, 1]; raises `VaebenchError`."""
    try:
        found = torch.as_tensor(np.ascontiguousarray(values) if isinstance(values, np.ndarray) else values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise VaebenchError(f"{what}: {type(values).__name__} is no array of numbers ({one_line(error)})") from None
    takes = (torch.uint8, torch.bool) if scale == "unit" else ()
    if not found.numel() or not (found.is_floating_point() or found.dtype in takes):
        mend = "bytes, or floats in [0, 1]" if scale == "unit" else "floats"
        raise VaebenchError(f"{what}: {found.dtype} of shape {tuple(found.shape)}: give {mend}")
    if found.dtype == torch.uint8 and found.max() == 1:
        raise VaebenchError(f"{what}: bytes of 0 and 1, where 255 is white: give bool, or floats")
    floats = binarisation.scaled(found.float() if found.dtype == torch.bool else found)
    if not floats.isfinite().all():
        raise VaebenchError(f"{what}: not all are finite (NaN or infinite): leave those out")
    if scale == "unit" and not 0 <= floats.min() <= floats.max() <= 1:
        raise VaebenchError(f"{what}: floats from {floats.min():g} to {floats.max():g}: scale them to [0, 1]")
    return floats


@contextmanager
def _resting(model: VAE) -> Iterator[None]:
    """Evaluation mode, without gradients, for the length of a block."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
