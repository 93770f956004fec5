"""Codes and the classes of their images: what the metrics of representation are given."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation.subject import Subject, evenly
from vaebench.samplers.encoded import observed
from vaebench.training.engine import EVALUATION_BATCH

TRAINING, NEIGHBOURHOODS = 10_000, 1000  # training codes, and test codes whose distances are looked at
FEWEST = 32  # test images of which clusters and neighbourhoods are told


class Representation:
    """Point estimates of the latents of a ``subject``'s test images and of the training images of its ``data``."""

    def __init__(self, subject: Subject, data: Data) -> None:
        self.subject, self.data = subject, data

    def lacks(self, need: str) -> str:
        """Why the model or the data do not have what a metric needs; empty if they have it."""
        if need == "labels":
            return "" if len(np.unique(self.labels)) > 1 else "the data have no classes"
        return self.subject.lacks(need)

    @property
    def labels(self) -> np.ndarray:
        """Of the test images, (images,)."""
        return self.data.test.labels.numpy()

    @cached_property
    def codes(self) -> np.ndarray:
        """Of the test images, float64 (images, latent), over the deviation of each coordinate in training.

        A coordinate that does not vary in training is left out. Raises `Missing` where none varies, or a code is not
        finite.
        """
        return self._scaled(self.subject.means)

    @cached_property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Evenly spaced training images' codes (images, latent), scaled likewise, and their labels (images,)."""
        codes, labels = self._training
        return self._scaled(codes), labels

    @cached_property
    @torch.no_grad()
    def _training(self) -> tuple[Tensor, np.ndarray]:
        chosen = evenly(TRAINING, len(self.data.train.images))
        images = self.data.train.images[chosen].to(self.subject.observed.device)
        seen = observed(images, self.subject.model.recipe.convention)
        codes = torch.cat([self.subject.model.encode(x) for x in seen.split(EVALUATION_BATCH)])
        return codes, self.data.train.labels[chosen].numpy()

    def _scaled(self, codes: Tensor) -> np.ndarray:
        training = self._training[0].double()
        if not (training.isfinite().all() and codes.isfinite().all()):
            raise Missing("its codes are not finite")
        deviation = training.std(0)
        varies = deviation > 1e-6 * training.abs().amax(0)
        if not varies.any():
            raise Missing("its codes of the training images are all the same")
        scaled = (codes.double() - training.mean(0)) / deviation
        return scaled[:, varies].cpu().numpy()

    @cached_property
    def clusters(self) -> np.ndarray:
        """Of test codes, (images,): the best of ten k-means of as many clusters as classes; raises `Missing`."""
        self._enough()
        count = min(len(np.unique(self.labels)), len(np.unique(self.codes, axis=0)))
        return KMeans(count, n_init=10, random_state=0).fit_predict(self.codes)

    @cached_property
    def few(self) -> np.ndarray:
        """Numbers of evenly spaced test images, few enough to look at all of their distances; raises `Missing`."""
        self._enough()
        return evenly(NEIGHBOURHOODS, len(self.labels)).numpy()

    def _enough(self) -> None:
        if len(self.labels) < FEWEST:
            raise Missing(f"{len(self.labels)} test images are too few: {FEWEST} are needed")

    @property
    def images(self) -> np.ndarray:
        """Grey test images, flat (images, pixels)."""
        return self.subject.grey.flatten(1).double().cpu().numpy()
