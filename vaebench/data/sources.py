"""Where datasets come from: what a configuration says of one, and the known ones. Nothing here imports torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from vaebench.data import contents
from vaebench.errors import VaebenchError, nearest

SPLITS = ("train", "validation", "test")
First = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Source:
    """A public dataset of IDX files.

    ``folder`` is its subfolder in a mirror, ``urls`` are public places to try in turn, and ``files`` maps each file to
    its SHA-256: images and labels of the training set, then images and labels of the test set. An image's shape is
    (channels, height, width), and ``classes`` name the labels if they are more than numbers.
    """

    folder: str
    urls: tuple[str, ...]
    files: dict[str, str]
    shape: tuple[int, int, int] = (1, 28, 28)
    classes: tuple[str, ...] = ()


SOURCES = {
    "mnist": Source(
        folder="mnist",
        urls=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        files={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion_mnist": Source(
        folder="fashion-mnist",
        urls=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        files={
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        # Xiao et al. 2017, https://arxiv.org/abs/1708.07747, table 2.
        classes=(
            *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
    ),
}
BUILTIN = {"digits", "shapes"}  # scikit-learn carries the digits, and the shapes are drawn
FACTORED = {"shapes"}  # of these the factors of variation are known


class Limits(Struct, forbid_unknown_fields=True, frozen=True):
    """Use only the first images of each split."""

    train: First | None = None
    validation: First | None = None
    test: First | None = None


class Dataset(Struct, forbid_unknown_fields=True, frozen=True):
    """Where images come from: a known name, or a file or folder of the user's."""

    path: str | None = None
    labels: str | None = None
    limits: Limits = Limits()

    def origin(self, name: str) -> Literal["own", "public", "embedded"]:
        """Of a dataset of this name; raises `VaebenchError` if there is none."""
        if self.path is not None:
            return "own"
        if self.labels is not None:
            raise VaebenchError("labels without a path: give the path of the images too")
        if name in SOURCES:
            return "public"
        if name in BUILTIN:
            return "embedded"
        raise VaebenchError(f"unknown dataset '{name}' without a path: {nearest(name, (*SOURCES, *BUILTIN))}")

    def downloads(self, name: str) -> list[str]:
        """Names of the files that must be fetched before it can be prepared."""
        return list(SOURCES[name].files) if self.origin(name) == "public" else []

    def paths(self) -> dict[str, Path]:
        """Of the user's ``path`` and ``labels``, as far as they are given; ~ is the home folder."""
        fields = {"path": self.path, "labels": self.labels}
        return {field: Path(path).expanduser() for field, path in fields.items() if path is not None}

    def located(self, name: str) -> None:
        """Raise `VaebenchError` if a path of the user's leads nowhere."""
        for field, path in self.paths().items():
            if not path.exists():
                where = "" if path.is_absolute() else f" in {Path.cwd()}"
                raise VaebenchError(f"dataset '{name}': {field}: {path}: no such file or folder{where}: mend the path")

    def fingerprint(self, name: str) -> str:
        """SHA-256 of all that it is prepared from: the user's files as they are now, or what a known dataset is."""
        if self.origin(name) == "own":
            self.located(name)
            return contents.fingerprint(*self.paths().values())
        if name == "shapes":
            return contents.fingerprint(Path(__file__).with_name("shapes.py"))
        known = SOURCES[name].files if name in SOURCES else {}
        return hashlib.sha256(json.dumps([name, known]).encode()).hexdigest()
