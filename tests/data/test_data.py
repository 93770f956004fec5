from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from faults import fault
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from vaebench.data.dataset import Data, load
from vaebench.data.download import download
from vaebench.data.idx import read_idx
from vaebench.data.prepare import prepare
from vaebench.data.sources import BUILTIN, SOURCES, Dataset, Limits, Source
from vaebench.files import replacing

MIRROR = Path(os.environ.get("VAEBENCH_MIRROR", Path(__file__).parents[3] / "shared/mirror"))
needs_mirror = pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the public datasets on this machine")
DIGITS = load_digits().images.astype(np.uint8)[:14]  # (14, 8, 8)
LABELS = load_digits().target[:14]
COLOUR = np.stack([DIGITS, DIGITS + 1, DIGITS + 2], axis=1)  # (14, 3, 8, 8)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


# Sources


def test_sources_import_nothing_heavy() -> None:
    code = "import vaebench.data.sources, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "known"), [("mnist", torchvision.datasets.MNIST), ("fashion_mnist", torchvision.datasets.FashionMNIST)]
)
def test_sources_agree_with_torchvision(name: str, known: type[torchvision.datasets.MNIST]) -> None:
    source = SOURCES[name]
    assert set(known.mirrors) <= set(source.urls)
    assert Dataset().downloads(name) == list(source.files) == [filename for filename, _ in known.resources]
    assert [label.lower() for label in source.classes] == [
        label.lower() for label in known.classes if " - " not in label
    ]
    if MIRROR.is_dir():
        for filename, md5 in known.resources:
            content = (MIRROR / source.folder / filename).read_bytes()
            assert hashlib.md5(content).hexdigest() == md5
            assert hashlib.sha256(content).hexdigest() == source.files[filename]


def test_other_datasets_need_no_downloads() -> None:
    assert all(Dataset().downloads(name) == [] for name in BUILTIN)
    for name in ("faces", "mnist"):  # a path goes before a known name
        assert Dataset("x.npy").downloads(name) == Dataset("x.npy", "y.npy").downloads(name) == []


def test_a_dataset_has_one_origin() -> None:
    assert {name: Dataset().origin(name) for name in (*SOURCES, *BUILTIN)} == {
        "mnist": "public",
        "fashion_mnist": "public",
        "digits": "embedded",
        "shapes": "embedded",
    }
    assert {Dataset("x.npy").origin(name) for name in ("faces", *SOURCES, *BUILTIN)} == {"own"}
    for asked in (Dataset.origin, Dataset.downloads):
        assert "did you mean mnist" in fault(lambda asked=asked: asked(Dataset(), "mnst"))
        assert "labels without a path" in fault(lambda asked=asked: asked(Dataset(labels="y.npy"), "digits"))


# Download


class Server(ThreadingHTTPServer):
    """A mirror on this machine that remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass


CONTENT = {"images": gzip.compress(idx(DIGITS)), "labels": gzip.compress(idx(LABELS))}


def fill(folder: Path, **changed: bytes) -> Path:
    folder.mkdir(parents=True)
    for filename, content in (CONTENT | changed).items():
        (folder / filename).write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the dataset "small", whose only public place it is."""
    monkeypatch.delenv("VAEBENCH_MIRROR", raising=False)
    fill(tmp_path / "served/small-set")
    with Server(tmp_path / "served") as server:
        files = {filename: hashlib.sha256(content).hexdigest() for filename, content in CONTENT.items()}
        monkeypatch.setitem(SOURCES, "small", Source("small-set", (f"{server.url}/small-set/",), files))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_download_from_the_public_place_keeps_whole_files(server: Server, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    assert download("small", raw) == [raw / "images", raw / "labels"]
    assert contents(raw) == CONTENT
    (raw / "labels").write_bytes(CONTENT["labels"][:-1])
    server.requests.clear()
    download("small", raw)
    assert contents(raw) == CONTENT
    assert server.requests == ["/small-set/labels"]


@pytest.mark.parametrize("subfolder", ["small-set", "."])
@pytest.mark.parametrize("form", [str, Path.as_uri])
@pytest.mark.parametrize("setting", ["argument", "environment"])
def test_download_from_a_folder(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    subfolder: str,
    form: Callable[[Path], str],
    setting: str,
) -> None:
    fill(tmp_path / "a mirror" / subfolder)
    place = form(tmp_path / "a mirror")
    if setting == "environment":
        monkeypatch.setenv("VAEBENCH_MIRROR", place)
    download("small", tmp_path / "raw", place if setting == "argument" else None)
    assert contents(tmp_path / "raw") == CONTENT
    assert server.requests == []


def test_download_prefers_the_argument_and_knows_both_layouts(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAEBENCH_MIRROR", str(fill(tmp_path / "unused")))
    for mirror, requests in (
        (f"{server.url}/", ["/small-set/images", "/small-set/labels"]),
        (
            f"{server.url}/small-set",
            [f"/small-set/{path}" for path in ("small-set/images", "images", "small-set/labels", "labels")],
        ),
    ):
        server.requests.clear()
        download("small", tmp_path / f"raw{len(requests)}", mirror)
        assert server.requests == requests


def test_download_passes_over_a_tampered_file(server: Server, tmp_path: Path) -> None:
    bad = fill(tmp_path / "bad", images=CONTENT["images"] + b"!")
    download("small", tmp_path / "raw", str(bad))
    assert contents(tmp_path / "raw") == CONTENT
    assert server.requests == ["/small-set/images"]


def test_download_tells_each_place_and_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served/small-set/images").write_bytes(CONTENT["images"][:-1])
    monkeypatch.setenv("VAEBENCH_MIRROR", str(tmp_path / "absent"))
    message = fault(lambda: download("small", tmp_path / "raw", "strange://place"))
    for place, reason in (
        ("strange://place/small-set/", "unknown url type"),
        ((tmp_path / "absent").as_uri() + "/small-set/", "No such file"),
        ((tmp_path / "absent").as_uri() + "/", "No such file"),
        (f"{server.url}/small-set/", "SHA-256"),
    ):
        assert re.search(rf"{re.escape(place)}: [^;]*{reason}", message)
    assert "set VAEBENCH_MIRROR to a folder or URL that holds small-set/images" in message
    assert contents(tmp_path / "raw") == {}


def test_download_without_a_server_says_so(server: Server, tmp_path: Path) -> None:
    SOURCES["small"] = Source("small-set", ("http://127.0.0.1:1/",), SOURCES["small"].files)
    assert "Connection refused" in fault(lambda: download("small", tmp_path / "raw"))


def test_download_needs_a_known_name(tmp_path: Path) -> None:
    assert "did you mean mnist" in fault(lambda: download("mnits", tmp_path))


def test_replacing_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"file": b"old"}
    with replacing(path) as part:
        part.write_text("new")
    assert contents(tmp_path) == {"file": b"new"}


# IDX


@pytest.mark.parametrize("array", [LABELS, DIGITS, COLOUR, np.zeros((0, 8, 8), np.uint8)])
def test_idx_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(idx(array))
    packed.write_bytes(gzip.compress(idx(array)))
    np.testing.assert_array_equal(read_idx(plain), array)
    np.testing.assert_array_equal(read_idx(packed), array)
    assert read_idx(plain).dtype == np.uint8


def test_idx_agrees_with_torchvision(tmp_path: Path) -> None:
    (tmp_path / "idx").write_bytes(idx(DIGITS))
    theirs = torchvision.datasets.mnist.read_sn3_pascalvincent_tensor(str(tmp_path / "idx"))
    np.testing.assert_array_equal(read_idx(tmp_path / "idx"), theirs.numpy())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin"),
        (b"GIF89a", "does not begin"),
        (b"\0\0\x08\x03\0\0", "6 bytes"),
        (idx(DIGITS)[:-1], "911 bytes, 912 expected"),
        (idx(DIGITS) + b"!", "more than the 912 bytes"),
        (b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", "0x0d"),
        (gzip.compress(idx(DIGITS))[:-20], "end-of-stream"),
        (b"\x1f\x8b" + bytes(30), "compression method"),
        (b"\0\0\x08\x46" + bytes(4 * 0x46), "dim"),
    ],
)
def test_idx_refuses_damaged_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad-ubyte"
    path.write_bytes(content)
    message = fault(lambda: read_idx(path))
    assert str(path) in message
    assert reason in message


def test_idx_refuses_a_missing_file(tmp_path: Path) -> None:
    assert "No such file" in fault(lambda: read_idx(tmp_path / "absent"))


# Prepare and load


def prepared(folder: Path, name: str, dataset: Dataset, raw: Path | None = None) -> Data:
    prepare(name, dataset, raw, folder / "out/data.safetensors")
    assert [path.name for path in (folder / "out").iterdir()] == ["data.safetensors"]
    return load(folder / "out/data.safetensors")


def sizes(data: Data) -> tuple[int, int, int]:
    return len(data.train.labels), len(data.validation.labels), len(data.test.labels)


def test_digits(tmp_path: Path) -> None:
    data = prepared(tmp_path, "digits", Dataset())
    assert data.name == "digits"
    assert sizes(data) == (1285, 256, 256)
    assert data.train.images.shape == (1285, 1, 8, 8)
    order = np.random.Generator(np.random.PCG64(0)).permutation(1797)
    bunch = load_digits()
    expected = torch.from_numpy(bunch.images[order])[:, None]
    images = torch.cat([data.train.images, data.validation.images, data.test.images])
    assert images.dtype == torch.uint8
    assert torch.equal((images * (16 / 255)).round().double(), expected)
    assert images.max() == 255
    labels = torch.cat([data.train.labels, data.validation.labels, data.test.labels])
    assert torch.equal(labels, torch.from_numpy(bunch.target[order]))


def test_limits_cut_after_the_split(tmp_path: Path) -> None:
    whole = prepared(tmp_path, "digits", Dataset())
    data = prepared(tmp_path, "digits", Dataset(limits=Limits(train=100, test=9999)))
    assert sizes(data) == (100, 256, 256)
    assert torch.equal(data.train.images, whole.train.images[:100])
    assert torch.equal(data.test.images, whole.test.images)
    assert data.checksum != whole.checksum


def test_equal_tensors_give_equal_bytes_and_checksums(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=DIGITS, labels=LABELS)
    np.save(tmp_path / "set.npy", DIGITS)
    np.save(tmp_path / "labels.npy", LABELS)
    beside = Dataset(path=str(tmp_path / "set.npy"), labels=str(tmp_path / "labels.npy"))
    outputs = [tmp_path / f"{index}.safetensors" for index in range(8)]
    for output in outputs:
        prepare("mine", Dataset(path=str(tmp_path / "set.npz")), None, output)
    assert len({output.read_bytes() for output in outputs}) == 1
    checksum = load(outputs[0]).checksum
    assert prepared(tmp_path, "other_name", beside).checksum == checksum
    assert prepared(tmp_path, "unlabelled", Dataset(path=str(tmp_path / "set.npy"))).checksum != checksum


def test_checksum_formula(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", DIGITS)
    data = prepared(tmp_path, "mine", Dataset(path=str(tmp_path / "set.npy")))
    digest = hashlib.sha256()
    for split in ("test", "train", "validation"):
        images, labels = getattr(data, split).images.numpy(), getattr(data, split).labels.numpy()
        digest.update(f"{split}_images uint8 {images.shape}".encode() + images.tobytes())
        digest.update(f"{split}_labels int64 {labels.shape}".encode() + labels.tobytes())
    assert data.checksum == digest.hexdigest()


def test_a_prepared_file_with_a_flipped_bit_is_not_loaded(tmp_path: Path) -> None:
    """Neither of its tensors nor of what is said of them."""
    np.save(tmp_path / "set.npy", DIGITS)
    prepared(tmp_path, "mine", Dataset(path=str(tmp_path / "set.npy")))
    path = tmp_path / "out/data.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    places = [whole.index(b"unit"), whole.index(b"checksum") + 20, header, (header + len(whole)) // 2, len(whole) - 1]
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        message = fault(load, path)
        assert message.startswith(f"{path}: cannot be read as a prepared dataset (")
        assert message.endswith("): delete it to prepare it again")
    path.write_bytes(whole)
    assert load(path).name == "mine"


def test_a_path_goes_before_a_known_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=COLOUR[:13], labels=np.arange(13))
    data = prepared(tmp_path, "mnist", Dataset(path=str(tmp_path / "set.npz")))
    assert sizes(data) == (11, 1, 1)
    labels = torch.cat([data.train.labels, data.validation.labels, data.test.labels])
    np.testing.assert_array_equal(labels, np.random.Generator(np.random.PCG64(0)).permutation(13))
    np.testing.assert_array_equal(data.train.images, COLOUR[data.train.labels])


def test_prepare_refuses(tmp_path: Path) -> None:
    def attempt(name: str, path: Path | None = None, raw: Path | None = None) -> str:
        return fault(lambda: prepare(name, Dataset(path=path and str(path)), raw, tmp_path / "out/data.safetensors"))

    np.save(tmp_path / "few.npy", DIGITS[:6])
    np.save(tmp_path / "small.npy", DIGITS[:, :, :3])
    assert "did you mean digits" in attempt("digit")
    assert "choose from" in attempt("zzz")
    assert "needs the folder" in attempt("mnist")
    assert "No such file" in attempt("mnist", raw=tmp_path)
    assert "6 images cannot be split" in attempt("mine", tmp_path / "few.npy")
    assert "3x8 pixels" in attempt("mine", tmp_path / "small.npy")
    assert not (tmp_path / "out").exists()


def test_load_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "data.safetensors"
    assert str(path) in fault(lambda: load(path))
    path.write_bytes(b"no tensors")
    assert str(path) in fault(lambda: load(path))
    save_file({"train_images": torch.zeros(1)}, path)
    assert "delete it to prepare it again" in fault(lambda: load(path))
    prepare("digits", Dataset(), None, path)
    path.write_bytes(path.read_bytes()[:-1])
    assert "delete it to prepare it again" in fault(lambda: load(path))


@needs_mirror
@pytest.mark.parametrize(
    ("name", "first", "mean", "counts"),
    [
        ("mnist", [5, 0, 4], 0.1306604762738429, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
        ("fashion_mnist", [9, 0, 0], 0.2860405969887955, [1000] * 10),
    ],
)
def test_public_datasets(tmp_path: Path, name: str, first: list[int], mean: float, counts: list[int]) -> None:
    download(name, tmp_path / "raw", str(MIRROR))
    data = prepared(tmp_path, name, Dataset(), tmp_path / "raw")
    assert data.name == name
    assert sizes(data) == (50_000, 10_000, 10_000)
    assert data.train.images.shape[1:] == (1, 28, 28)
    assert data.train.labels[:3].tolist() == first and data.classes == SOURCES[name].classes
    assert data.test.labels.bincount().tolist() == counts
    assert (data.train.labels.bincount() + data.validation.labels.bincount()).sum() == 60_000
    # The mean pixel of the 60,000 training images, which papers use to standardise them.
    total = data.train.images.sum() + data.validation.images.sum()
    assert total.item() / (60_000 * 784 * 255) == pytest.approx(mean, rel=1e-12)
