"""What metrics ask of a trained run, computed once each; and the evaluation of a cell's runs into tidy rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from . import binarisation, catalogue, random, runs
from .distributions.codes import Code
from .distributions.delta import Delta
from .distributions.gaussian import Gaussian
from .engine import EVALUATION_BATCH
from .model import VAE
from .recipe import load

if TYPE_CHECKING:
    from .config import Cell
    from .config import Evaluation as Settings
    from .data.dataset import Data

COLUMNS = ("dataset", "architecture", "flavour", "latent", "seed")
DECODER_BATCH = 10_000
LATENT_IMAGES = 2000


class Evaluation:
    """A model before the test set: ``grey`` and ``observed`` are (images, channels, height, width) in [0, 1].

    ``observed`` is what the model sees under its data convention, ``grey`` is what reconstructions are held against.
    All noise is a function of the seed.
    """

    def __init__(
        self, model: VAE, grey: Tensor, observed: Tensor, seed: int, *, importance_samples: int, importance_images: int
    ) -> None:
        self.model, self.grey, self.observed, self.seed = model, grey, observed, seed
        self.importance_samples, self.importance_images = importance_samples, importance_images

    def has(self, need: str) -> bool:
        """Whether the flavour has what a metric needs: the keys of `vaebench.metric.REASONS`."""
        draw = self._probe
        return {
            "posterior": not isinstance(draw.q, Delta),
            "draws": not isinstance(draw.q, Code),
            "prior": draw.p is not None,
            "likelihood": not isinstance(draw.px, Delta) and not getattr(self.model.decoder, "own_likelihood", False),
            "gaussian": isinstance(draw.q, Gaussian) and isinstance(draw.p, Gaussian),
        }[need]

    @cached_property
    def _probe(self):
        with torch.no_grad():
            return self.model(self.observed[:1])

    def _keyed(self, purpose: str, part: int):
        """The ambient stream of one part of the evaluation."""
        return random.stream(
            random.fold(torch.tensor(random.key(self.seed, purpose), device=self.observed.device), part)
        )

    @cached_property
    @torch.no_grad()
    def _pass(self) -> dict[str, Tensor]:
        """One latent per test image: log likelihood, KL, and mean latents; chunked."""
        kept: dict[str, list[Tensor]] = {"log_px": [], "kl": [], "means": [], "reconstructions": []}
        for part, x in enumerate(self.observed.split(EVALUATION_BATCH)):
            with self._keyed("test", part):
                draw = self.model(x)
                if self.has("likelihood"):
                    kept["log_px"].append(draw.log_px)
                if self.has("posterior") and self.has("prior"):
                    kept["kl"].append(draw.kl)
            kept["means"].append(draw.q.mean)
            kept["reconstructions"].append(self.model.decode(draw.q.mean).clamp(0, 1))
        return {name: torch.cat(values) for name, values in kept.items() if values}

    @property
    def log_px(self) -> Tensor:
        r"""$\log p(x|z)$ at one $z \sim q(z|x)$ per test image, nats, (images,)."""
        return self._pass["log_px"]

    @property
    def kl(self) -> Tensor:
        r"""$\mathrm{KL}(q(z|x) \| p(z))$ per test image, nats, (images,)."""
        return self._pass["kl"]

    @property
    def means(self) -> Tensor:
        """Point estimates of the latents, (images, latent)."""
        return self._pass["means"]

    @property
    def reconstructions(self) -> Tensor:
        """Decoder means at the point estimates, clamped to [0, 1], (images, channels, height, width)."""
        return self._pass["reconstructions"]

    @cached_property
    @torch.no_grad()
    def log_w(self) -> Tensor:
        r"""Log importance weights $\log p(x, z_k) - \log q(z_k|x)$, nats, (samples, images), evenly spaced images."""
        images = min(EVALUATION_BATCH, max(1, DECODER_BATCH // self.importance_samples))
        samples = min(self.importance_samples, DECODER_BATCH)
        columns = []
        count = min(self.importance_images, len(self.observed))
        chosen = torch.arange(count, device=self.observed.device) * len(self.observed) // count
        for part, x in enumerate(self.observed[chosen].split(images)):
            rows = []
            with self._keyed("importance", part):
                for start in range(0, self.importance_samples, samples):
                    rows.append(self.model(x, min(samples, self.importance_samples - start)).log_w)
            columns.append(torch.cat(rows))
        return torch.cat(columns, 1)


def evaluate(
    cell: Cell, folders: Iterable[Path], data: Data, settings: Settings, device: torch.device
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, Any]]:
    """Measure the trained runs of a cell on the test set.

    Returns the metrics (a row per seed and metric: value in the metric's unit, or missing with a reason), a gallery of
    the first seed's pictures, and the facts that a table must state. A run that diverged before its first epoch ended
    has only missing values.
    """
    test = data.test.images.to(device)
    seen = binarisation.fixed(test, cell.convention, "test")
    grey, observed = binarisation.scaled(test), binarisation.scaled(seen)
    rows: list[dict[str, Any]] = []
    gallery: dict[str, np.ndarray] = {}
    for folder in folders:
        record = runs.describe(folder)
        place = located(cell, record["seed"])
        evaluation = Evaluation(
            load(folder / "best.safetensors").to(device),
            grey,
            observed,
            record["seed"],
            importance_samples=settings.importance_samples,
            importance_images=settings.importance_images,
        )
        lost = runs.lost(record)
        for name in catalogue.names("metrics"):
            metric = catalogue.load("metrics", name)
            for label, value, reason in [(name, None, lost)] if lost else metric.rows(evaluation):
                rows.append(place | {"sampler": "", "metric": label, "value": value, "reason": reason})
        gallery = gallery or _gallery(evaluation, data.test.labels, settings.gallery_images)
    facts = {
        "convention": cell.convention,
        "likelihood": cell.likelihood[0],
        "importance_samples": settings.importance_samples,
        "importance_images": min(settings.importance_images, len(test)),
        "test_images": len(test),
        "test_sha256": binarisation.checksum(seen),
    }
    return pd.DataFrame(rows), gallery, facts


def located(cell: Cell, seed: int) -> dict[str, Any]:
    """The columns that tell a run from others."""
    return dict(zip(COLUMNS, (cell.dataset, cell.architecture, cell.flavour, cell.latent, seed), strict=True))


def _gallery(evaluation: Evaluation, labels: Tensor, count: int) -> dict[str, np.ndarray]:
    """Pictures and latents for the figures, float32."""
    pictures = {
        "originals": evaluation.grey[:count],
        "reconstructions": evaluation.reconstructions[:count],
        "latent_means": evaluation.means[:LATENT_IMAGES],
    }
    if evaluation.has("prior"):
        with torch.no_grad():
            pictures["samples"] = evaluation.model.sample(count, evaluation.seed).clamp(0, 1)
    arrays = {name: value.float().cpu().numpy() for name, value in pictures.items()}
    return arrays | {"labels": labels[:LATENT_IMAGES].numpy()}


def history(cell: Cell, folders: Iterable[Path]) -> pd.DataFrame:
    """Every term of every epoch of a cell's runs, nats, one row each."""
    return _labelled(cell, folders, lambda folder: pd.read_csv(folder / "history.csv"))


def compute(cell: Cell, folders: Iterable[Path]) -> pd.DataFrame:
    """What the runs of a cell cost and how they ended, in the columns of the metrics."""

    def quantities(folder: Path) -> pd.DataFrame:
        record, cost = runs.describe(folder), json.loads((folder / "cost.json").read_text())
        values = {name: cost[name] for name in ("wall_seconds", "samples_per_second", "peak_memory", "pack_width")}
        values |= {name: record[name] for name in ("parameters", "epochs", "best_epoch")}
        values["diverged"] = int(record["status"] == "diverged")
        return pd.DataFrame(
            {"sampler": "", "metric": list(values), "value": [float(value) for value in values.values()], "reason": ""}
        )

    return _labelled(cell, folders, quantities)


def _labelled(cell: Cell, folders: Iterable[Path], read) -> pd.DataFrame:
    frames = []
    for folder in folders:
        frame = read(folder)
        for column, value in reversed(located(cell, runs.describe(folder)["seed"]).items()):
            frame.insert(0, column, value)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
