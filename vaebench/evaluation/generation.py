"""Samples before the test images, as a judge sees both: what the metrics of generation are given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.judge import Judge

NEAREST = 5  # the neighbour that reaches as far as a ball of precision, recall, density and coverage
CHUNK = 1000


class Images:
    """Images (n, channels, height, width) in [0, 1] as a judge sees them."""

    def __init__(self, judge: Judge, images: Tensor) -> None:
        self.judge, self.images = judge, images

    @property
    def finite(self) -> Tensor:
        """The images; raises `Missing` where they are not finite."""
        if not self.images.isfinite().all():
            raise Missing("its images are not finite")
        return self.images

    @cached_property
    def _seen(self) -> Tensor:
        return self.judge.features(self.finite)

    @cached_property
    def features(self) -> Tensor:
        """Float64 (n, features); raises `Missing` for images that are not finite, or no more than `NEAREST`."""
        if len(self.images) <= NEAREST:
            raise Missing(f"{len(self.images)} images are too few to judge: more than {NEAREST} are needed")
        return self._seen

    @cached_property
    def probabilities(self) -> Tensor:
        """Of the classes, float64 (n, classes); raises `Missing` likewise, and where the judge knows none."""
        return self.judge.classify(self._seen)

    @cached_property
    def radii(self) -> Tensor:
        """Distance of each image's features to those of its `NEAREST`-th neighbour among the others, (n,)."""
        parts = (torch.cdist(part, self.features) for part in self.features.split(CHUNK))
        nearest = (part.topk(NEAREST + 1, largest=False).values for part in parts)  # the first is the image itself
        return torch.cat([values[:, -1] for values in nearest])


class Generation:
    """``generated`` images before ``test`` and ``train`` images; the latter two are shared by `of`, and so are the
    test images as the ``further`` judges see them."""

    def __init__(
        self,
        judge: Judge,
        samples: Tensor,
        test: Tensor | Images,
        train: Tensor | Images,
        further: Sequence[Judge | Images] = (),
    ) -> None:
        self.judge = judge
        self.generated = Images(judge, samples)
        self.test = test if isinstance(test, Images) else Images(judge, test)
        self.train = train if isinstance(train, Images) else Images(judge, train)
        self.further = [each if isinstance(each, Images) else Images(each, self.test.images) for each in further]

    def of(self, samples: Tensor) -> Generation:
        """Other samples before the same images."""
        return Generation(self.judge, samples, self.test, self.train, self.further)

    def lacks(self, need: str) -> str:
        """Why there is not what a metric needs: "classes" of the judge, or "other_judges"; empty if there is."""
        if need == "other_judges":
            return "" if self.further else "there is one judge alone"
        return "" if self.judge.classes else "the data have no classes"

    @cached_property
    def neighbours(self) -> tuple[Tensor, Tensor, Tensor]:
        """How many balls of test images hold each sample (samples,), whether any ball of a sample holds each test image
        and whether each test image's ball holds any sample, (test,) both.
        """
        x, y = self.generated.features, self.test.features
        held = []
        reached = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        covered = torch.zeros_like(reached)
        for part, radii in zip(x.split(CHUNK), self.generated.radii.split(CHUNK), strict=True):
            distances = torch.cdist(part, y)
            within = distances <= self.test.radii
            held.append(within.sum(1))
            covered |= within.any(0)
            reached |= (distances <= radii[:, None]).any(0)
        return torch.cat(held), reached, covered
