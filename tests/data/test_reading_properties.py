"""What is read equals what was written, or there is one line that says why not: over random data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vaebench.data.arrays import held
from vaebench.data.dataset import load
from vaebench.data.prepare import prepare
from vaebench.data.readers import read
from vaebench.data.reading import Reading
from vaebench.data.sources import Dataset
from vaebench.errors import VaebenchError

pytestmark = pytest.mark.slow


def examples(count: int) -> settings:
    """The same examples each time."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(
        max_examples=count, derandomize=True, database=None, deadline=None, print_blob=True, suppress_health_check=quiet
    )


def attempt(*arguments: Any) -> Reading | str:
    """What `read` makes of a path, or the line in which it refuses."""
    try:
        return read(*arguments)
    except VaebenchError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(tuple(f"{path}" for path in arguments))
        return str(error)


def floats(images: np.ndarray) -> np.ndarray:
    """Images as a model sees them, float32."""
    return images if images.dtype == np.float32 else images.astype(np.float32) / np.float32(255)


# Arrays

NUMBERS = ["?", "u1", "i1", "u2", ">u2", "i4", "i8", "u8", "f2", "f4", ">f4", "f8"]
TYPES = st.sampled_from([*NUMBERS * 3, "c8", "U2", "M8[s]"])
BOUNDS = st.sampled_from([*[(0, 1), (0, 255), (0, 65535)] * 2, (-1, 1), (0, 256), (-3, 300)])
SIDES, FEW, MANY = st.integers(4, 7), st.integers(1, 3), st.integers(8, 10)
SHAPES = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=9),
    st.tuples(MANY, SIDES, SIDES),
    st.tuples(MANY, FEW, SIDES, SIDES),
    st.tuples(MANY, SIDES, SIDES, FEW),
    st.tuples(MANY, FEW),
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    dtype = np.dtype(draw(TYPES))
    shape = draw(SHAPES)
    low, high = draw(BOUNDS)
    if dtype.kind == "f":
        low, high = max(low, -1), min(high, draw(st.sampled_from([1, 1, 1, 255])))
        bad = draw(st.sampled_from([0, 0, 0, np.nan, np.inf, -0.0]))
        grain = draw(st.sampled_from([255, 7, 1000, 1]))
        whole = draw(hnp.arrays(np.int64, shape, elements=st.integers(low * grain, high * grain)))
        array = np.asarray(whole / grain).astype(dtype)
        if bad and array.size:
            array.flat[draw(st.integers(0, array.size - 1))] = bad
        return array
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        element = st.integers(max(low, info.min), min(high, info.max))
        return draw(hnp.arrays(dtype, shape, elements=element, fill=st.nothing()))
    return draw(hnp.arrays(dtype, shape, fill=st.nothing()))


def worth(stored: np.ndarray, tabular: bool) -> np.ndarray:
    """What the values of an array mean, float32."""
    if tabular or stored.dtype.kind in "fb" or stored.max() <= 1:
        return stored.astype(np.float32)
    white = 65535 if stored.dtype.itemsize == 2 and stored.dtype.kind == "u" and stored.max() > 255 else 255
    return stored.astype(np.float32) / np.float32(white)


@examples(700)
@given(arrays(), st.sampled_from(["npy", "npz", "memory"]))
def test_arrays(stored: np.ndarray, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"set.{form}")
        if form == "memory":
            try:
                found: Reading | str = held(path, stored)
            except VaebenchError as error:
                found = str(error)
        else:
            np.save(path, stored) if form == "npy" else np.savez(path, images=stored)
            found = attempt(path)
    if isinstance(found, str):
        assert not plain(stored), found
        return
    tabular = stored.ndim == 2
    assert found.scale == ("real" if tabular else "unit")
    assert found.images.dtype in (np.uint8, np.float32)
    assert found.images.ndim == 4
    expected = worth(stored, tabular)
    orders = {
        2: [expected[:, :, None, None]] if tabular else [],
        3: [expected[:, None]] if stored.ndim == 3 else [],
        4: [expected, np.moveaxis(expected, 3, 1)] if stored.ndim == 4 else [],
    }[stored.ndim]
    matching = [order for order in orders if order.shape == found.images.shape]
    assert len(matching) >= 1
    # Were two orders of the axes possible, one would have been guessed.
    assert len(matching) == 1 or np.array_equal(*matching)
    np.testing.assert_array_equal(floats(found.images), matching[0])
    if not tabular:
        assert floats(found.images).min() >= 0
        assert floats(found.images).max() <= 1


def plain(stored: np.ndarray) -> bool:
    """Whether an array is of one of the documented forms beyond doubt."""
    if not stored.size or stored.dtype.kind not in "biuf" or not np.isfinite(stored).all():
        return False
    if stored.ndim == 2:
        return stored.dtype.kind == "f" and bool(np.isfinite(stored.astype(np.float32)).all())
    shape = stored.shape
    axes = (
        (stored.ndim == 3 and shape[0] > max(shape[1:]))
        or (stored.ndim == 4 and shape[1] < min(shape[2:]))
        or (stored.ndim == 4 and shape[3] < min(shape[1:3]))
    )
    top = 1 if stored.dtype.kind == "f" else 65535 if stored.dtype in (np.dtype("u2"), np.dtype(">u2")) else 255
    return bool(axes and stored.min() >= 0 and stored.max() <= top)


# Labels

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4)


@st.composite
def label_arrays(draw: st.DrawFn, count: int) -> np.ndarray:
    shape = draw(
        st.sampled_from([(count,)] * 4 + [(count, 1)] * 2 + [(count, 2), (count, 3), (1, count), (count + 1,)])
    )
    kind = draw(st.sampled_from(["i8", "u1", "u8", "?", "f4", "half", "U", "S", "hot"]))
    if kind == "U":
        return draw(hnp.arrays("U4", shape, elements=WORDS, fill=st.nothing()))
    if kind == "S":
        return draw(hnp.arrays("S3", shape, elements=st.sampled_from([b"cat", b"ox", b"9"]), fill=st.nothing()))
    if kind == "hot":
        return np.eye(5, dtype=draw(st.sampled_from(["f4", "i8", "?"])))[
            draw(hnp.arrays("i8", shape[0], elements=st.integers(0, 4)))
        ]
    if kind == "half":
        return draw(hnp.arrays("f8", shape, elements=st.sampled_from([0.0, 1.0, 2.5, np.nan]), fill=st.nothing()))
    return draw(hnp.arrays(kind, shape, elements=None if kind in "?u8" else st.integers(0, 9), fill=st.nothing()))


@examples(400)
@given(st.data())
def test_labels(data: st.DataObject) -> None:
    images = np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4)
    labels = data.draw(label_arrays(9))
    beside = data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "set.npz"), Path(folder, "labels.npy")
        np.savez(path, images=images, **({} if beside else {"labels": labels}))
        np.save(other, labels)
        found = attempt(path, other) if beside else attempt(path)
    column = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if (
        column.ndim == 2
        and column.dtype.kind in "biuf"
        and ((column == 0) | (column == 1)).all()
        and (column.sum(1) == 1).all()
    ):
        column = column.argmax(1)
    good = column.shape == (9,) and (
        column.dtype.kind in "US" or bool((column == np.floor(column.astype(float))).all())
    )
    if isinstance(found, str):
        assert not good or column.max() >= 2**63, found
        return
    assert good
    assert found.labels.dtype == np.int64
    words = [word.decode() if isinstance(word, bytes) else word for word in column.tolist()]
    if column.dtype.kind in "US":
        assert [found.classes[label] for label in found.labels] == words
        assert list(found.classes) == sorted(set(words))
    else:
        assert found.labels.tolist() == words
        assert found.classes == ()


# Splits


@examples(200)
@given(st.data())
def test_splits(data: st.DataObject) -> None:
    """Every image lands once in its own split, with its label; without splits, in one of them."""
    sizes = data.draw(st.tuples(st.integers(0, 20), st.integers(0, 4), st.integers(0, 4)))
    layout = data.draw(st.sampled_from(["keras", "medmnist", "split", "none", "memory"]))
    count = sum(sizes)
    deep = data.draw(st.booleans())
    images = np.arange(count * 16).reshape(count, 1, 4, 4).astype(np.uint16 if deep else np.uint8) * (99 if deep else 1)
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), np.int64)
    places = np.repeat(range(3), sizes)
    parts = {name: places == place for place, name in enumerate(("train", "val", "test"))}
    forms = {"keras": ("x_{}", "y_{}"), "medmnist": ("{}_images", "{}_labels")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set.npz")
        if layout in forms:
            arrays = {}
            for name, chosen in parts.items():
                if chosen.any():
                    arrays |= dict(
                        zip(
                            (form.format(name) for form in forms[layout]), (images[chosen], labels[chosen]), strict=True
                        )
                    )
            np.savez(path, **arrays)
        else:
            order = data.draw(st.permutations(range(count)))
            places, images, labels = places[order], images[order], labels[order]
            more = {"split": np.array(["train", "val", "test"])[places]} if layout == "split" else {}
            np.savez(path, images=images, labels=labels, **more)
        try:
            prepare("mine", Dataset(path=str(path)), None, Path(folder, "data.safetensors"))
        except VaebenchError as error:
            own = layout not in ("none", "memory")
            few = count < 7 if not own else not sizes[0] or not sizes[2] or (not sizes[1] and sizes[0] < 6)
            assert few, str(error)
            return
        found = load(Path(folder, "data.safetensors"))
    pairs = [(image.tobytes(), label) for image, label in zip(images, labels.tolist(), strict=True)]
    white = 65535 if deep and images.max() > 255 else 255
    seen = []
    for place, part in enumerate((found.train, found.validation, found.test)):
        values = part.images.double().numpy() * (white if part.images.is_floating_point() else 1)
        raw = np.rint(values).astype(images.dtype)
        here = [(image.tobytes(), label) for image, label in zip(raw, part.labels.tolist(), strict=True)]
        seen += here
        if layout not in ("none", "memory") and (sizes[1] or place == 2):
            assert here == [pair for pair, mine in zip(pairs, places.tolist(), strict=True) if mine == place]
        assert here
    assert sorted(seen) == sorted(pairs)


# CSV


@examples(150)
@given(st.data())
def test_tables(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 20)))
    kind = data.draw(st.sampled_from(["floats", "greys", "bits"]))
    elements = {
        "floats": st.floats(-(2.0**99), 2.0**99, width=32),
        "greys": st.integers(0, 255).map(float),
        "bits": st.integers(0, 1).map(float),
    }[kind]
    values = data.draw(hnp.arrays("f8", shape, elements=elements, fill=st.nothing()))
    pixels = data.draw(st.booleans())
    labelled = data.draw(st.booleans())
    words = data.draw(
        st.lists(st.sampled_from(["a", "b c", 'd "e"', "f,g", "7"]), min_size=shape[0], max_size=shape[0])
    )
    names = [f"{'pixel' if pixels else 'feature '}{place}" for place in range(shape[1])]
    lines = [",".join([*names, *(["label"] if labelled else [])])]
    for row, word in zip(values.tolist(), words, strict=True):
        quoted = '"' + word.replace('"', '""') + '"'
        cells = [repr(int(value)) if kind != "floats" else repr(value) for value in row]
        lines.append(",".join(cells + ([quoted] if labelled else [])))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set.csv")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = attempt(path)
    side = round(shape[1] ** 0.5)
    if isinstance(found, str):
        assert pixels, found
        assert side == 1 or side**2 != shape[1] or values.min() < 0 or values.max() > 1, found
        return
    if pixels:
        assert side**2 == shape[1]
        white = 1 if kind == "floats" or values.max() <= 1 else 255
        expected = (values.astype(np.float32) / np.float32(white)).reshape(-1, 1, side, side)
    else:
        expected = values.astype(np.float32)[:, :, None, None]
    np.testing.assert_array_equal(floats(found.images), expected)
    if labelled and found.classes:
        assert [found.classes[label] for label in found.labels] == words
    elif labelled:
        assert found.labels.tolist() == [int(word) for word in words]


# Folders

CLASSES = ("a", "b", "Z z", "train", "test", "é")
MODES = ("L", "RGB", "RGBA", "LA", "P", "1", "I;16", "drawn")
TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    6: lambda x: np.rot90(x, -1),
    8: lambda x: np.rot90(x),
}
ENTRY = st.fixed_dictionaries(
    {
        "parts": st.lists(st.sampled_from(CLASSES), max_size=3),
        "hidden": st.sampled_from([""] * 8 + ["folder", "macosx", "file"]),
        "mode": st.sampled_from(MODES),
        "ending": st.sampled_from([".png"] * 4 + [".PNG", ".tif", ".gif", "", ".dat"]),
        "turn": st.sampled_from([1, 1, 1, *TURNS]),
        "fault": st.sampled_from([""] * 60 + ["frames", "broken", "size"]),
        "seed": st.integers(0, 999),
    }
)


def picture(entry: dict[str, Any]) -> tuple[Image.Image, np.ndarray]:
    """An image, and what a viewer shows of it before it is turned: (8, 8, 3), float32 in [0, 1]."""
    rng = np.random.default_rng(entry["seed"])
    mode = entry["mode"]
    if mode == "I;16":
        grey = rng.integers(0, 65536, (8, 8)).astype(np.uint16)
        return Image.fromarray(grey), np.repeat((grey.astype(np.float32) / 65535)[..., None], 3, 2)
    if mode == "1":
        bits = rng.integers(0, 2, (8, 8)).astype(bool)
        return Image.fromarray(bits), np.repeat(bits[..., None].astype(np.float32), 3, 2)
    if mode == "P":
        image = Image.fromarray(rng.integers(0, 4, (8, 8)).astype(np.uint8), "P")
        palette = rng.integers(0, 256, (4, 3)).astype(np.uint8)
        image.putpalette(palette.tobytes())
        return image, palette[np.asarray(image)].astype(np.float32) / np.float32(255)
    if mode == "drawn":
        alpha = rng.integers(0, 256, (8, 8)).astype(int)
        colour = rng.integers(0, 2) * 255
        pixels = np.stack([0 * alpha + colour, alpha], 2).astype(np.uint8)
        shown = np.rint((colour * alpha + (255 - colour) * (255 - alpha)) / 255)
        return Image.fromarray(pixels, "LA"), np.repeat(shown[..., None].astype(np.float32), 3, 2) / np.float32(255)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = rng.integers(0, 256, (8, 8, channels)).astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)
    colour = np.repeat(pixels[..., :1], 3, 2) if channels < 3 else pixels[..., :3]
    shown = colour.astype(int)
    if channels in (2, 4):
        alpha = pixels[..., -1:].astype(int)
        shown = np.rint((shown * alpha + 255 * (255 - alpha)) / 255)
    return image, shown.astype(np.float32) / np.float32(255)


def written(root: Path, entries: list[dict[str, Any]]) -> tuple[dict[tuple[str, ...], np.ndarray], bool]:
    """Write a tree; what a viewer shows of each file by its path, and whether something in it cannot be read."""
    shown: dict[tuple[str, ...], np.ndarray] = {}
    bad = False
    for index, entry in enumerate(entries):
        parts = list(entry["parts"])
        if entry["hidden"] in ("folder", "macosx"):
            parts.insert(len(parts) // 2, ".thumbnails" if entry["hidden"] == "folder" else "__MACOSX")
        name = f"{'._' if entry['hidden'] == 'file' else ''}{index:02d}{entry['ending']}"
        path = root.joinpath(*parts, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        image, seen = picture(entry)
        form = {".tif": "TIFF", ".gif": "GIF"}.get(entry["ending"], "PNG")
        if form == "GIF" and entry["mode"] not in ("L", "1", "P"):
            form = "PNG"
        turn = 1 if form == "GIF" else entry["turn"]
        exif = Image.Exif()
        exif[0x0112] = turn
        more = {} if form == "GIF" else {"exif": exif}
        if entry["fault"] == "frames":
            Image.new("L", (8, 8)).save(path, "TIFF", save_all=True, append_images=[Image.new("L", (8, 8), 9)])
        elif entry["fault"] == "broken":
            path.write_bytes(b"no image")
        elif entry["fault"] == "size":
            Image.new("L", (9, 8)).save(path, "PNG")
        else:
            image.save(path, form, **more)
        if entry["hidden"]:
            continue
        skipped = entry["fault"] == "broken" and entry["ending"] in ("", ".dat")
        bad = bad or (entry["fault"] in ("frames", "broken") and not skipped)
        if not skipped:
            shown[(*parts, name)] = np.zeros((8, 9, 3)) if entry["fault"] == "size" else TURNS[turn](seen)
    return shown, bad or len({image.shape for image in shown.values()}) > 1


@examples(350)
@given(st.lists(ENTRY, min_size=1, max_size=8))
def test_folders(entries: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "set")
        root.mkdir()
        (root / "notes.txt").write_text("hello")
        (root / "back").symlink_to(root)
        shown, bad = written(root, entries)
        found = attempt(root)
    # A folder with nothing but one folder stands for it.
    inner = dict.fromkeys(shown)
    depth = 0
    while inner and all(len(parts) > depth + 1 for parts in inner) and len({parts[depth] for parts in inner}) == 1:
        depth += 1
    tops = {parts[depth] for parts in inner if len(parts) > depth + 1}
    own = {"train", "test"} <= tops
    loose = {len(parts) == depth + 1 + own for parts in inner}
    apart = own and (tops != {"train", "test"} or any(len(parts) == depth + 1 for parts in inner))
    if bad or not shown or len(loose) > 1 or apart:
        assert isinstance(found, str), entries
        return
    assert isinstance(found, Reading), found
    images = floats(found.images).transpose(0, 2, 3, 1)
    assert sorted(tuple(name.split("/")) for name in found.files) == sorted(shown)
    for name, image, label, place in zip(
        found.files, images, found.labels.tolist(), found.splits if own else [None] * len(images), strict=True
    ):
        parts = tuple(name.split("/"))
        np.testing.assert_array_equal(np.broadcast_to(image, (8, 8, 3)), shown[parts])
        assert (found.classes[label] if found.classes else "") == ("" if True in loose else parts[depth + own])
        assert place is None or parts[depth] == ("train", "validation", "test")[place]
    assert (found.splits is not None) == own
    assert found.skipped["link to a folder above it"] == 1
    assert found.skipped["no image (.txt)"] == 1
