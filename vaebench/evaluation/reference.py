"""What a dataset's judge is, and between what its verdicts lie: training images as samples, and noise."""

from __future__ import annotations

from typing import Any

import torch

from vaebench import random
from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.evaluation.generation import Generation
from vaebench.evaluation.judge import Judge
from vaebench.evaluation.subject import evenly
from vaebench.study import catalogue


@torch.no_grad()
def card(judge: Judge, data: Data) -> dict[str, Any]:
    """A judge's ``kind``, ``accuracy`` on test images, ``sha256`` and ``fault``, and values of the metrics of samples.

    ``floor`` are those of evenly spaced training images, as many as there are test images, and ``noise`` those of
    uniform noise.
    """
    facts = {"kind": judge.kind, "accuracy": judge.accuracy, "sha256": judge.sha256, "fault": judge.fault}
    if judge.fault or data.scale != "unit":
        return facts | {"floor": {}, "noise": {}}
    train, test = (binarisation.scaled(split.images) for split in (data.train, data.test))
    real = Generation(judge, train[evenly(len(test), len(train))], test, train)
    with random.stream(torch.tensor(random.key(0, "noise"))):
        noise = random.uniform(tuple(test.shape), test)
    return facts | {"floor": _values(real), "noise": _values(real.of(noise))}


def _values(generation: Generation) -> dict[str, float]:
    """Those that there are."""
    metrics = [catalogue.load("metrics", name) for name in catalogue.names("metrics", "generation")]
    rows = [row for metric in metrics for row in metric.rows(generation)]
    return {row.name: row.value for row in rows if row.value is not None}
