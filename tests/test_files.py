"""The door for files: what is written is whole, what is read is what was written, and every refusal is one line."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import fault

from vaebench.files import (
    FAULTS,
    abandoned,
    intact,
    job,
    opened,
    packed,
    reading,
    remove,
    replacing,
    savez,
    seal,
    sha256,
    signed,
    tag,
    unpacked,
    verified,
    write,
)


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def _rewrite(path: Path, letter: str) -> None:
    for _ in range(100):
        write(path, letter * 5000, lasting=False)


def test_two_writers_never_meet(tmp_path: Path) -> None:
    """Whoever reads sees the whole of one of them."""
    path, context = tmp_path / "file", get_context("fork")
    write(path, "a" * 5000)
    writers = [context.Process(target=_rewrite, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_text() in ("a" * 5000, "b" * 5000)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_leaves_is_found_and_is_of_one_file_alone(tmp_path: Path) -> None:
    killed = "import os, sys; from pathlib import Path; from vaebench.files import replacing\n"
    killed += "with replacing(Path(sys.argv[1])) as part:\n    part.write_text('half')\n    os._exit(9)"
    for name in ("metrics.csv", "metrics.md", "metrics.old.csv"):
        assert subprocess.run([sys.executable, "-c", killed, str(tmp_path / name)]).returncode == 9
    (left,) = abandoned(tmp_path / "metrics.csv")
    assert left.read_text() == "half" and left.suffix == ".csv"
    with job([], [tmp_path / "metrics.csv"]):
        write(tmp_path / "metrics.csv", "whole")
    assert not left.exists() and len(list(tmp_path.glob("*.part*"))) == 2


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "free the disk or choose another folder"),
        (errno.EDQUOT, "free the disk or choose another folder"),
        (errno.EIO, "check the disk or choose another folder"),
        (errno.EROFS, "allow writing there or choose another folder"),
        (errno.EACCES, "allow writing there or choose another folder"),
        (errno.ENOENT, "its folder is gone: run it again"),
        (errno.ELOOP, "choose another folder"),
    ],
)
def test_only_a_full_disk_is_called_full(tmp_path: Path, number: int, mend: str) -> None:
    class Broken:
        def __array__(self, *arguments: object, **settings: object) -> np.ndarray:
            raise OSError(number, os.strerror(number))

    path = tmp_path / "arrays.npz"
    assert fault(savez, path, {"a": Broken()}) == f"{path} cannot be written ({os.strerror(number)}): {mend}"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    message = fault(write, tmp_path / "results/table.csv", "x")
    assert message.startswith(f"{tmp_path}/results/table.csv cannot be written (") and "free the disk" not in message


def test_remove_goes_in_order_and_minds_no_absence(tmp_path: Path) -> None:
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "absent", tmp_path / "link")
    assert (tmp_path / "folder").is_dir()
    remove(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


FACTS = {"b": [1, 0.1, -5e-324, float("inf")], "a": {"9": None, "10": True}, "é": "ü\n", "n": {2: "two", 10: "ten"}}


@pytest.mark.parametrize("layout", [{}, {"indent": 1, "sort_keys": True}])
def test_signed_facts_come_back_and_no_flipped_bit_changes_them(tmp_path: Path, layout: dict) -> None:
    path = tmp_path / "facts.json"
    path.write_text(signed(FACTS, **layout))
    facts = opened(path.read_text())
    assert facts == json.loads(json.dumps(FACTS))
    found = 0
    for bit in range(8 * path.stat().st_size):
        flipped(path, bit)
        try:
            assert opened(path.read_bytes()) == facts  # of the white space, which says nothing
        except ValueError:
            found += 1
        flipped(path, bit)
    assert found > 0.9 * 8 * path.stat().st_size


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"a": 1}', '{"a": 1, "sha256": null}'])
def test_what_was_not_signed_is_not_opened(tmp_path: Path, text: str) -> None:
    def read() -> None:
        with reading(tmp_path, "facts", "mend"):
            opened(text)

    assert fault(read).startswith(f"{tmp_path}: cannot be read as facts (")


def test_a_seal_is_what_sha256sum_checks(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,-202.1\n")
    assert not intact(path) and verified(path) == sha256(path)  # nothing is known of it
    seal(path)
    assert intact(path) and verified(path) == sha256(path)
    check = ["sha256sum", "--check", "--strict", "metrics.csv"]
    assert subprocess.run(check, cwd=tmp_path / ".sha256", capture_output=True).returncode == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "seal"])
def test_a_job_uses_no_damaged_input_and_leaves_it_to_be_made_again(tmp_path: Path, damage: str) -> None:
    first, second, out = tmp_path / "first.csv", tmp_path / "second.csv", tmp_path / "out.csv"
    with job([], [first, second]):
        for path in (first, second):
            write(path, "value\n-202.1\n")
    match damage:
        case "flipped":
            flipped(second, 70)
        case "cut":
            second.write_text("value\n-20")
        case "empty":
            second.write_text("")
        case "seal":
            flipped(tmp_path / ".sha256/second.csv", 3)

    def work() -> None:
        with job([first, second], [out]):
            write(out, "done")

    assert fault(work).startswith(f"{second} was damaged (")
    assert first.exists() and not second.exists() and not out.exists()
    assert fault(work).startswith(f"{second}: cannot be read as what a job before wrote (")  # as another job finds it
    with job([first], [second]):
        write(second, "value\n-202.1\n")
    work()
    assert intact(out)


def test_a_job_that_fails_seals_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), job([], [tmp_path / "out"]):
        write(tmp_path / "out", "half of the outputs")
        raise KeyError
    assert not intact(tmp_path / "out")


def test_replacing_keeps_a_suffix_that_writers_look_at(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.b.npz") as one, replacing(tmp_path / "a.b.npz") as other:
        assert one != other and one.suffix == other.suffix == ".npz"
        for part in (one, other):
            part.write_text(part.name)
    assert (tmp_path / "a.b.npz").read_text() == one.name  # the outer block ends last


# Tensors


def tensors() -> dict[str, torch.Tensor]:
    return {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, -2]), "empty": torch.zeros(0, 4)}


def test_tensors_come_back_and_each_flipped_bit_of_their_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    facts = {"of": "a run", "sizes": [1, 2]}
    write(path, packed(tensors(), facts))
    found, back = unpacked(path)
    assert found == tag(path) == facts and path.read_bytes() == packed(tensors(), facts)
    assert {name: value.tolist() for name, value in back.items()} == {name: v.tolist() for name, v in tensors().items()}
    for bit in range(8 * path.stat().st_size):
        flipped(path, bit)
        try:
            again, back = unpacked(path)
            assert again == facts and all(torch.equal(back[name], value) for name, value in tensors().items())
            harmless = bit
        except FAULTS:
            harmless = 0
        assert harmless < 8 * (path.stat().st_size - 64)  # no bit of a value is one
        flipped(path, bit)


@pytest.mark.parametrize("cut", [0, 4, 8, 40, -1])
def test_a_cut_file_of_tensors_is_none(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "tensors.safetensors"
    path.write_bytes(packed(tensors(), {})[:cut])
    with pytest.raises(FAULTS):
        unpacked(path)
