"""What is said of a training as it goes: histories that grow by the epoch, a bar or lines."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

import pytest
import torch

from vaebench import interface
from vaebench.data.dataset import Data
from vaebench.study import config
from vaebench.study.config import Cell
from vaebench.training import journal, runs
from vaebench.training.engine import Pack

EPOCHS = 3
WAIT = r"(?:\d+:)?\d\d:\d\d"


@pytest.fixture(scope="module")
def data() -> Data:
    return interface.dataset("digits", limits={"train": 200, "validation": 50})


def cell(flavour: str = "vae", **settings) -> Cell:
    settings = {"epochs": EPOCHS, "batch_size": 100, "network_settings": {"hidden": [8]}} | settings
    return config.cell(flavour, latent=2, **settings)


def train(folder: Path, data: Data, seeds: list[int], plan: Cell | None = None, **settings) -> list[Path]:
    return runs.train(plan or cell(), seeds, data, folder, device=torch.device("cpu"), **settings)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def totals(path: Path) -> list[float]:
    """The validation objective of every epoch."""
    kept = [row for row in rows(path.read_bytes()) if (row["split"], row["term"]) == ("validation", "total")]
    return [float(row["value"]) for row in kept]


class Watched(Pack):
    """Remembers what whoever looked on between two epochs saw."""

    folder: Path
    looks: list[dict[int, bytes]]

    def look(self) -> None:
        self.looks.append({seed: (self.folder / f"seed{seed}/history.csv").read_bytes() for seed in set(self.seeds)})

    def train(self):
        self.look()
        for epoch in super().train():
            yield epoch
            self.look()


def watched(folder: Path, data: Data, seeds: list[int], *plan: Cell, **settings) -> list[dict[int, bytes]]:
    """Histories by seed, as they were on disk before the first epoch of every pack and after each."""
    Watched.folder, Watched.looks = folder, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "Pack", Watched)
        train(folder, data, seeds, *plan, **settings)
    return Watched.looks


@pytest.mark.parametrize("pack", [1, 3])  # at 3, a spare place repeats a seed
def test_histories_grow_by_the_epoch_to_the_bytes_of_an_undisturbed_run(tmp_path: Path, data: Data, pack: int) -> None:
    seen = watched(tmp_path / "watched", data, [0, 1], pack=pack)
    for seed, folder in enumerate(train(tmp_path / "whole", data, [0, 1], pack=pack)):
        final = (folder / "history.csv").read_bytes()
        assert (tmp_path / f"watched/seed{seed}/history.csv").read_bytes() == final
        shown = [found[seed] for found in seen if seed in found]
        assert [final.startswith(content) for content in shown] == [True] * (EPOCHS + 1)
        assert [sorted({row["epoch"] for row in rows(content)}) for content in shown] == [
            [str(epoch) for epoch in range(1, done + 1)] for done in range(EPOCHS + 1)
        ]
        assert shown[-1] == final


def test_a_resumed_history_goes_on_from_its_checkpoint(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs after the checkpoint are taken out of the file, and come back as they are trained again."""
    plan = cell(epochs=4)
    (whole,) = train(tmp_path / "whole", data, [0], plan)
    path = tmp_path / "torn/seed0/history.csv"

    class Killed(Pack):
        def train(self):
            for epoch in super().train():
                yield epoch
                monkeypatch.setattr(runs, "write", lambda *_: None)  # one checkpoint, at the first epoch
                if epoch == 3:
                    raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "Pack", Killed)
        patch.setattr(runs, "write", runs.write)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "torn", data, [0], plan, every=0.0)
    monkeypatch.undo()
    assert {row["epoch"] for row in rows(path.read_bytes())} == {"1", "2", "3"}
    seen = watched(tmp_path / "torn", data, [0], plan)
    assert [len({row["epoch"] for row in rows(found[0])}) for found in seen] == [1, 2, 3, 4]
    assert path.read_bytes() == seen[-1][0] == (whole / "history.csv").read_bytes()


@pytest.mark.parametrize("every", [journal.EVERY, 0.0])
def test_without_a_terminal_lines_tell_where_it_stands(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], every: float
) -> None:
    """The last epoch always, others when some seconds have passed since the last line."""
    monkeypatch.setattr(journal, "EVERY", every)
    folders = train(tmp_path, data, [5, 7], pack=2)
    first, second = (totals(folder / "history.csv") for folder in folders)
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    epochs = [EPOCHS] if every else [1, 2, 3]
    assert len(lines) == len(epochs)
    for line, epoch in zip(lines, epochs, strict=True):
        reached = f"{first[epoch - 1]:.2f}, {second[epoch - 1]:.2f}"
        start = f"digits/mlp/vae/z2 seed 5, 7: epoch {epoch} of 3, validation objective {reached} nats, "
        assert line.startswith(start) and re.fullmatch(f"{WAIT} left", line.removeprefix(start))
    assert lines[-1].endswith(", 00:00 left")


def test_on_a_terminal_a_bar_is_drawn_and_no_lines_are_printed(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(journal, "EVERY", 0.0)
    train(tmp_path, data, [0])
    drawn = terminal.getvalue()
    assert "\r" in drawn and "digits/mlp/vae/z2 seed 0: 100%" in drawn and "3/3" in drawn
    assert "epoch 3 of 3" not in drawn


def test_what_does_not_train_is_told_as_well(tmp_path: Path, data: Data, capsys: pytest.CaptureFixture[str]) -> None:
    """A flavour without terms has no objective, and one without weights is done after an epoch of many."""
    for flavour in ("copy", "mean"):
        (folder,) = train(tmp_path / flavour, data, [0], cell(flavour))
        told = capsys.readouterr().err
        assert "nan" not in told and told.count("\n") <= 1
        assert (folder / "history.csv").read_text().startswith("epoch,split,term,value\n")
