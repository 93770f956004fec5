"""Codes and the factors of variation of their images: what the metrics of disentanglement are given."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation.representation import TRAINING, Representation
from vaebench.evaluation.subject import Subject, evenly


class Factors:
    """Point estimates of a ``subject``'s latents, and the factors of its ``data``, by ``names``.

    Raises `Missing` for data without factors, and where images looked at are all of one value of a factor.
    """

    def __init__(self, subject: Subject, data: Data) -> None:
        if data.test.factors is None or data.train.factors is None:
            raise Missing("the data have no factors")
        self.subject, self.names = subject, data.factors
        self._representation = Representation(subject, data)
        self._test = data.test.factors.numpy()
        self._training = data.train.factors[evenly(TRAINING, len(data.train.factors))].numpy()
        for what, factors in (("test", self._test), ("training", self._training)):
            for name, values in zip(self.names, factors.T, strict=True):
                if (values == values[0]).all():
                    raise Missing(f"the {what} images are all of one value of the factor {name}")

    def lacks(self, need: str) -> str:
        """Why the model or the data do not have what a metric needs; empty if they have it."""
        return self.subject.lacks(need)

    @property
    def factors(self) -> np.ndarray:
        """Of the test images, int64 (images, factors)."""
        return self._test

    @cached_property
    def codes(self) -> np.ndarray:
        """Of the test images, float64 (images, latent), standardised by those of the training images.

        A coordinate that does not vary in training is left out. Raises `Missing` where fewer than two vary, or a code
        is not finite.
        """
        codes = self._representation.codes
        if codes.shape[1] < 2:
            raise Missing("only one coordinate of its codes varies: there is none to tell it from")
        return codes

    @cached_property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Evenly spaced training images' codes (images, latent), standardised likewise, and their factors."""
        codes, _ = self._representation.training
        return codes, self._training
