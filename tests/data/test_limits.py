"""Files that lie about their lengths, never end, or are none: refused in one line, before memory is gone."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from faults import fault
from PIL import Image

from vaebench import memory
from vaebench.data import download
from vaebench.data.download import fetch
from vaebench.data.idx import read_idx
from vaebench.data.readers import read
from vaebench.data.sources import SOURCES, Source

TERABYTE = 1 << 40


def header(*shape: int) -> bytes:
    return bytes((0, 0, 8, len(shape))) + b"".join(side.to_bytes(4, "big") for side in shape)


@contextmanager
def frugal(most: int = 1 << 24) -> Iterator[None]:
    """Python and NumPy take so many bytes at most."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most


def test_free_memory_is_less_than_the_machine_has() -> None:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory.free() <= pages
    assert fault(memory.hold, "x", 10**15, "mend it").startswith("x: it takes 1,000,000.0 GB of memory, and ")


def test_a_gzip_bomb_is_read_no_further_than_its_header_says(tmp_path: Path) -> None:
    bomb = tmp_path / "x-ubyte.gz"
    zeros = gzip.compress(bytes(1 << 26))
    bomb.write_bytes(gzip.compress(header(10, 4, 4) + bytes(160)) + 200 * zeros)  # 13 GB in 13 MB
    with frugal():
        assert fault(read_idx, bomb).endswith("(more than the 176 bytes that its header tells of)")
    bomb.write_bytes(gzip.compress(header(2**32 - 1, 255, 255)) + 200 * zeros)
    with frugal():
        assert "it takes 837,840.7 GB of memory" in fault(read_idx, bomb)


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x-ubyte"])
def test_endless_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    begin, shape = io.BytesIO(), (TERABYTE // 64, 8, 8)
    np.lib.format.write_array_header_1_0(begin, {"descr": "|u1", "fortran_order": False, "shape": shape})
    path.write_bytes({"x.npy": begin.getvalue(), "x.csv": b"1,2\n", "x-ubyte": header(2**32 - 1, 16, 16)}[name])
    os.truncate(path, TERABYTE)  # of which the disk holds the first bytes
    with frugal():
        message = fault(read, path)
    assert message.startswith(f"{path}: it takes ") and message.endswith("are free: give fewer or smaller images")


def test_an_archive_is_held_to_the_lengths_that_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, labels=np.arange(8))
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("images", "skipped"):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.zeros((8, 4, 4), np.uint8))
            archive.getinfo(f"{name}.npy").file_size = TERABYTE
    with frugal():
        assert fault(read, path).startswith(f"{path}: it takes 3,298.5 GB of memory")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x-ubyte.gz"])
def test_pipes_and_devices_are_no_files(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / name)
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((8, 4, 4), np.uint8))
    for message in (fault(read, tmp_path / name), fault(read, images, tmp_path / name)):
        assert message == f"{tmp_path / name}: neither a file nor a folder: store what it gives in a file"
    make(tmp_path / "one.png")
    assert "one.png: neither a file nor a folder" in fault(read, tmp_path)


@pytest.mark.parametrize("side", [5_000, 12_000])
def test_images_of_many_megapixels(tmp_path: Path, side: int) -> None:
    Image.new("L", (side, side)).save(tmp_path / "photo.png")
    with frugal():
        assert f"{side * side} pixels" in fault(read, tmp_path).replace(f"{side}x{side}", f"{side * side}")


class Handler(BaseHTTPRequestHandler):
    """Serves files that never end, or hardly begin."""

    def do_GET(self) -> None:
        try:
            if self.path == "/begin":
                self.drip(b"HTTP/1.0 200 OK\r\nX: ")
                return
            self.send_response(200)
            if self.path == "/long":
                self.send_header("Content-Length", str(TERABYTE))
            self.end_headers()
            if self.path == "/slow":
                self.drip(b"")
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:  # nobody listens any more
            pass

    def drip(self, first: bytes) -> None:
        self.wfile.write(first)
        while not self.server.ended.wait(0.05):  # type: ignore[attr-defined]
            self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.ended = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        files = dict.fromkeys(("endless", "long", "slow", "begin"), hashlib.sha256(b"").hexdigest())
        monkeypatch.setitem(SOURCES, "bad", Source("bad", (url,), files))
        monkeypatch.delenv("VAEBENCH_MIRROR", raising=False)
        yield url
        server.ended.set()  # type: ignore[attr-defined]
        server.shutdown()


@pytest.mark.parametrize(
    ("file", "limits", "reason"),
    [
        ("endless", {"LARGEST": 1 << 20}, "more than 1048576 bytes"),
        ("long", {}, "more than 268435456 bytes"),
        ("slow", {"PATIENCE": 0.3}, r"no more than \d+ bytes per second"),
        ("begin", {"DEADLINE": 0.5}, "not there after 0.5 s"),
    ],
)
def test_a_download_has_a_least_rate_a_cap_and_a_deadline(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, file: str, limits: dict[str, float], reason: str
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(download, name, value)
    started = time.monotonic()
    message = fault(fetch, "bad", tmp_path / file)
    assert time.monotonic() - started < 5
    assert re.search(reason, message) and message.startswith(f"{file} cannot be downloaded ({place}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_of_pipes_is_passed_over(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST", 1 << 20)
    os.mkfifo(tmp_path / "long")
    assert "no file" in fault(fetch, "bad", tmp_path / "raw/long", str(tmp_path))
