"""What judges images: a classifier that is trained on a dataset's own images, so that no weights are downloaded.

Its features stand in for those of an Inception network, which say little of digits. Of data without classes, or that
are no images, the features are principal components.
"""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench import random
from vaebench.data import binarisation
from vaebench.data.dataset import Data, Split
from vaebench.errors import Missing
from vaebench.files import packed, reading, unpacked, write

FEATURES, BATCH, STEPS, CHUNK = 64, 128, 1500, 250
LEARNING_RATE, SMOOTHING, SHIFT = 0.01, 0.1, 2
LEAST = {"mnist": 0.992, "fashion_mnist": 0.92}  # accuracy below which a classifier is no judge of a dataset
ELSE = 0.8
EPOCHS = 8  # where none are said
OWN = Path(__file__).with_name("judges")  # of the public datasets, that `train` made of all of their images
CLASSIFIER, COMPONENTS = "classifier", "principal components"


class Judge(nn.Module):
    """Images (n, channels, height, width) to ``features`` and, where it is a classifier, ``probabilities``.

    ``accuracy`` is that on the test images, None of principal components.
    """

    body: nn.Module
    head: nn.Linear
    mean: Tensor
    components: Tensor

    def __init__(self, dataset: str, image: tuple[int, int, int], classes: int, accuracy: float | None = None) -> None:
        super().__init__()
        self.dataset, self.image, self.classes, self.accuracy = dataset, image, classes, accuracy
        channels, height, width = image
        if classes:
            size = math.ceil(height / 4) * math.ceil(width / 4) * 64
            self.body = nn.Sequential(
                *_block(channels, 16),
                nn.MaxPool2d(2, ceil_mode=True),
                *_block(16, 32),
                *_block(32, 32),
                nn.MaxPool2d(2, ceil_mode=True),
                *_block(32, 64),
                nn.Flatten(),
                nn.Dropout(0.3),
                nn.Linear(size, FEATURES, bias=False),
                nn.BatchNorm1d(FEATURES),
                nn.SiLU(),
            )
            self.head = nn.Linear(FEATURES, classes)
        else:
            pixels = channels * height * width
            self.register_buffer("mean", torch.zeros(pixels))
            self.register_buffer("components", torch.zeros(pixels, min(FEATURES, pixels)))

    @property
    def kind(self) -> str:
        """What the features are of."""
        return CLASSIFIER if self.classes else COMPONENTS

    @property
    def fault(self) -> str:
        """Why it is no judge; empty if it is one."""
        least = LEAST.get(self.dataset, ELSE)
        if self.accuracy is None or self.accuracy >= least:
            return ""
        return f"the judge of '{self.dataset}' is {self.accuracy:.2%} accurate, and should be {least:.2%}: more epochs"

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """The last layer before the classes, or the components, float64 (n, features)."""
        return torch.cat([self._features(part) for part in self._parts(images)]).double()

    @torch.no_grad()
    def classify(self, features: Tensor) -> Tensor:
        """Probabilities of the classes, float64 (n, classes), by features; raises `Missing` where there are none."""
        if not self.classes:
            raise Missing("the data have no classes")
        return self.head(features.to(self.head.weight)).softmax(-1).double()

    def probabilities(self, images: Tensor) -> Tensor:
        """Of the classes, float64 (n, classes); raises `Missing` where there are none."""
        return self.classify(self.features(images))

    def _features(self, images: Tensor) -> Tensor:
        return self.body(images) if self.classes else (images.flatten(1) - self.mean) @ self.components

    def _parts(self, images: Tensor) -> tuple[Tensor, ...]:
        place = next(iter(self.state_dict().values())).device
        return images.to(place).split(CHUNK)

    @cached_property
    def sha256(self) -> str:
        """Of its weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write it to one file; raises `VaebenchError`."""
        tensors = {name: value.cpu().contiguous() for name, value in self.state_dict().items()}
        facts = {"dataset": self.dataset, "image": self.image, "classes": self.classes, "accuracy": self.accuracy}
        write(path, packed(tensors, facts))


def load(path: str | Path) -> Judge:
    """The judge in a file that `Judge.save` wrote; raises `VaebenchError`."""
    with reading(path, "a judge", "delete it, and it is trained again"):
        facts, tensors = unpacked(path)
        judge = Judge(facts["dataset"], tuple(facts["image"]), facts["classes"], facts["accuracy"])
        judge.load_state_dict(tensors)
    return _resting(judge)


def own(name: str, seed: int) -> Judge | None:
    """The library's own judge of a public dataset, with which samples are judged alike everywhere; None without one."""
    path = OWN / f"{name}-{seed}.safetensors"
    return load(path) if path.exists() else None


def train(data: Data, *, epochs: int = EPOCHS, seed: int, device: torch.device | str = "cpu") -> Judge:
    """A judge of all training images, a function of these, the seed and the kind of device, where it then is; at least
    `STEPS` steps of Adam.

    One cycle of the learning rate (Smith & Topin 2018, https://arxiv.org/abs/1708.07120), images shifted by up to two
    pixels, labels smoothed.
    """
    classes = int(data.train.labels.max()) + 1
    if data.scale != "unit" or len(data.train.labels.unique()) < 2:
        return _components(data).to(device)
    images = binarisation.scaled(data.train.images.to(device))
    steps = max(STEPS, epochs * (len(images) // BATCH))
    judge = classifier(data.name, images, data.train.labels.to(device), classes, steps, seed)
    judge.accuracy = accuracy(judge, data.test)
    return judge


def classifier(dataset: str, images: Tensor, labels: Tensor, classes: int, steps: int, seed: int) -> Judge:
    """A classifier of images in [0, 1] (n, channels, height, width) and their labels (n,)."""
    _, *shape = images.shape
    with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        torch.manual_seed(random.key(seed, "judge"))
        judge = Judge(dataset, (shape[0], shape[1], shape[2]), classes).to(images.device)
        _fit(judge, images, labels, steps)
    return judge


def accuracy(judge: Judge, split: Split) -> float:
    """Share of images whose likeliest class is theirs."""
    found = judge.probabilities(binarisation.scaled(split.images)).argmax(1)
    right = found == split.labels.to(found.device)
    return float(right.double().mean())


def _fit(judge: Judge, images: Tensor, labels: Tensor, steps: int) -> None:
    """Noise is torch's own, of the ambient seed."""
    batch = min(BATCH, len(images))
    optimiser = torch.optim.AdamW(judge.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.2)
    reach = min(SHIFT, min(judge.image[1:]) // 8)
    judge.train()
    with torch.enable_grad():
        for step in range(steps):
            place = step % (len(images) // batch)
            if place == 0:
                order = torch.randperm(len(images))
            chosen = order[place * batch : (place + 1) * batch]
            shift = torch.randint(-reach, reach + 1, (2,)).tolist()
            shifted = F.pad(images[chosen], (shift[0], -shift[0], shift[1], -shift[1]))
            optimiser.zero_grad()
            logits = judge.head(judge.body(shifted))
            F.cross_entropy(logits, labels[chosen], label_smoothing=SMOOTHING).backward()
            optimiser.step()
            schedule.step()
    _resting(judge)


def _resting(judge: Judge) -> Judge:
    """The judge as it judges, its weights laid out as they are used twice as fast."""
    return judge.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _components(data: Data) -> Judge:
    """The first principal components of the training images."""
    values = binarisation.scaled(data.train.images).flatten(1).double()
    judge = Judge(data.name, data.shape, 0)
    judge.mean.copy_(values.mean(0))
    centred = values - values.mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    judge.components.copy_(vectors.flip(1)[:, : judge.components.shape[1]])
    return _resting(judge)


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
