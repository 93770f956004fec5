"""Few labelled images, and samples of each of their classes: what the metrics of augmentation are given.

The model knows all training images and no label; a sampler is fitted to the codes of the few images of one class.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from vaebench import random
from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation import judge
from vaebench.evaluation.subject import evenly

SAMPLES, STEPS = 200, 300  # of each class, and of the classifier


class Few:
    """``count`` evenly spaced training images of each class of the data, for classifiers that are trained on a device;
    raises `Missing` where a class has none."""

    def __init__(self, data: Data, count: int, device: torch.device | str = "cpu") -> None:
        self.data, self.device = data, device
        labels = data.train.labels
        self.classes = int(labels.max()) + 1
        if data.scale != "unit" or self.classes < 2:
            raise Missing("the data are no images of several classes")
        self.places = []
        for label in range(self.classes):
            of_class = (labels == label).nonzero().flatten()
            if not len(of_class):
                raise Missing(f"class {label} has no training image")
            self.places.append(of_class[evenly(count, len(of_class))])

    @cached_property
    def accuracy(self) -> float:
        """In per cent, on test images, of a classifier of these images alone."""
        return self.accuracy_with(None)

    def accuracy_with(self, samples: Tensor | None) -> float:
        """The same of a classifier of these images and of ``samples`` (classes, samples, channels, height, width)."""
        places = torch.cat(self.places)
        images, labels = binarisation.scaled(self.data.train.images[places]), self.data.train.labels[places]
        images, labels = images.to(self.device), labels.to(self.device)
        if samples is not None:
            of_samples = torch.arange(self.classes, device=self.device).repeat_interleave(samples.shape[1])
            images, labels = torch.cat([images, samples.flatten(0, 1)]), torch.cat([labels, of_samples])
        found = judge.classifier(self.data.name, images, labels, self.classes, STEPS, 0)
        return 100 * judge.accuracy(found, self.data.test)


class Augmentation:
    """``few`` images, and what gives samples of a class (count, channels, height, width)."""

    def __init__(self, few: Few, draw: Callable[[Tensor, int, int], Tensor]) -> None:
        self.few, self._draw = few, draw

    @property
    def few_accuracy(self) -> float:
        """In per cent, without samples."""
        return self.few.accuracy

    @cached_property
    def accuracy(self) -> float:
        """In per cent, with samples; raises `Missing` where there are none, or they are not finite."""
        each = [
            self._draw(places, SAMPLES, random.key(0, f"samples of class {label}"))
            for label, places in enumerate(self.few.places)
        ]
        samples = torch.stack(each)
        if not samples.isfinite().all():
            raise Missing("its images are not finite")
        return self.few.accuracy_with(samples)
