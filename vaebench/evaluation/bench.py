"""What all runs of a cell are measured by: the test set, the settings, the judge, and data that are foreign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation import room
from vaebench.evaluation.augmentation import Few
from vaebench.evaluation.generation import Generation
from vaebench.evaluation.judge import Judge
from vaebench.evaluation.subject import Subject, evenly
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import observed
from vaebench.study.config import Cell, Choice, Convention, Evaluation, Geometry


@dataclass(frozen=True)
class Bench:
    """Settings of `vaebench.study.config` and data; without ``geometry``, ``samplers`` or ``foreign`` data (by name)
    what takes them is not measured. The first of the ``judges`` of the dataset, if any, is the `judge`;
    ``seeds`` are the runs of the cell.
    """

    cell: Cell
    data: Data
    evaluation: Evaluation
    geometry: Geometry | None
    device: torch.device
    samplers: Mapping[str, Choice] = field(default_factory=dict)
    judges: Sequence[Judge] = ()
    foreign: Mapping[str, Data] = field(default_factory=dict)
    seeds: int = 1

    @property
    def judge(self) -> Judge | None:
        """What samples and reconstructions are judged by."""
        return self.judges[0] if self.judges else None

    @property
    def test(self) -> Tensor:
        """Test images as they are kept."""
        return self.data.test.images.to(self.device)

    @cached_property
    def seen(self) -> Tensor:
        """What a model observes of them."""
        return binarisation.fixed(self.test, self.cell.convention, "test")

    @cached_property
    def training(self) -> Tensor:
        """What a model observes of the training images, floats."""
        return observed(self.data.train.images.to(self.device), self.cell.convention)

    @cached_property
    def real(self) -> Generation:
        """The training images as if they were samples, before the test images; raises `Missing` without a judge."""
        if self.judge is None:
            raise Missing("the data have no judge")
        if self.judge.fault:
            raise Missing(self.judge.fault)
        train, test = (binarisation.scaled(split.images.to(self.device)) for split in (self.data.train, self.data.test))
        return Generation(self.judge, train[evenly(len(test), len(train))], test, train, self.judges[1:])

    @cached_property
    def few(self) -> Few:
        """Few labelled training images of each class; raises `Missing`."""
        return Few(self.data, self.evaluation.augmentation_images, self.device)

    def subject(self, model: VAE, seed: int, other: str = "") -> Subject:
        """A model before the test set, or before that of an ``other`` dataset."""
        data = self.foreign[other] if other else self.data
        return subject(model, data, self.cell.convention, self.evaluation, self.device, seed, self.judge)


def subject(
    model: VAE,
    data: Data,
    convention: Convention,
    evaluation: Evaluation,
    device: torch.device,
    seed: int,
    judge: Judge | None = None,
) -> Subject:
    """A model before a test set, whose images it observes by the ``convention``; raises `VaebenchError`."""
    room.check(evaluation, len(data.test.images))
    test = data.test.images.to(device)
    return Subject(
        model.to(device),
        binarisation.scaled(test),
        binarisation.scaled(binarisation.fixed(test, convention, "test")),
        seed,
        importance_samples=evaluation.importance_samples,
        importance_images=evaluation.importance_images,
        scale=data.scale,
        judge=judge,
        evidence_images=evaluation.evidence_images,
        evidence_temperatures=evaluation.evidence_temperatures,
    )
