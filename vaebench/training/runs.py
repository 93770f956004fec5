"""Runs on disk: train the seeds of a cell into folders, resume what was interrupted, and read the result back.

A run's folder holds ``run.json`` (what it is, how it ended, and the SHA-256 of its files), ``history.csv``,
``best.safetensors`` and ``last.safetensors``, which are the same bytes whenever the same configuration trains on the
same kind of device, and ``cost.json``, which is not. A run is finished if all of them are there as they were written.
While it trains, ``history.csv`` grows by the epoch beside ``checkpoint.safetensors``.
"""

from __future__ import annotations

import gc
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.errors import VaebenchError, one_line
from vaebench.files import abandoned, as_written, opened, packed, reading, remove, sha256, signed, tag, unpacked, write
from vaebench.locks import beside, held
from vaebench.model.recipe import Recipe, save
from vaebench.study.config import Cell, changes, identity
from vaebench.study.tidy import HISTORY, text
from vaebench.training import hardware, journal, room
from vaebench.training.engine import Feed, Pack
from vaebench.training.interrupts import Watch
from vaebench.training.stack import State

GPU_PACK = 10
FILES = ("best.safetensors", "last.safetensors", "history.csv")  # whose SHA-256 the record holds
CHECKPOINT = "checkpoint.safetensors"
WRITTEN = (*FILES, "cost.json", "run.json", CHECKPOINT)
AGAIN = "give the command that trained it again, which mends it"
MEND = "lower the learning_rate, or take a likelihood of a larger scale"


@dataclass(frozen=True)
class Plan:
    """A cell's runs on some data and a device: what they are keyed by, and where they lie."""

    cell: Cell
    data: Data
    folder: Path
    device: torch.device
    pack: int

    def place(self, seed: int) -> Path:
        """Folder of a seed's run."""
        return self.folder / f"seed{seed}"

    def facts(self, seed: int) -> dict[str, Any]:
        """What tells a seed's run from all others."""
        key = identity(self.cell, seed, data=self.data.checksum, pack=self.pack, device=self.device.type)
        return {"key": key, "seed": seed, "data": self.data.checksum, "cell": self.cell.plain()}

    def done(self, seed: int, replace: bool) -> int | None:
        """Epochs that a seed's run has done (0 if it is new), or None if it is finished.

        A damaged one is cleared, to be trained anew; so is one of another configuration, or of one that cannot be told,
        if it is to be replaced. Raises `VaebenchError` if it is not.
        """
        folder = self.place(seed)
        finished = (folder / "run.json").exists()
        if not finished and not (folder / CHECKPOINT).exists():
            return 0
        try:
            found = _record(folder) if finished else _facts(folder)
        except VaebenchError:
            if not replace:
                raise
            return _clear(folder)
        if found["key"] == self.facts(seed)["key"]:
            try:
                if not finished:
                    return _checkpoint(folder)[0]["progress"]["epoch"]
                _verify(folder, found)
                return None
            except VaebenchError as error:
                print(f"{error}: trained anew", file=sys.stderr)
                return _clear(folder)
        if replace:
            return _clear(folder)
        difference = changes(found["cell"], self.cell.plain())
        difference = difference or (
            "other code, pack or device" if found["data"] == self.data.checksum else "other data"
        )
        raise VaebenchError(
            f"{folder} holds a run of another configuration ({difference}): choose another folder or replace it"
        )


def train(
    cell: Cell,
    seeds: Sequence[int],
    data: Data,
    folder: Path,
    *,
    device: torch.device,
    pack: int | None = None,
    replace: bool = False,
    every: float = 30.0,
) -> list[Path]:
    """Train a cell's seeds into ``folder/seedN`` and return those folders; finished seeds are kept as they are.

    ``pack`` seeds are stacked in one program (by default 1 on a CPU, 10 on a GPU; spare places repeat a seed), half as
    many where the device's memory does not hold them, as often as it takes; ``cost.json`` tells how many there were.
    ``every`` so many seconds a checkpoint is written, from which a later call resumes, and one at once if SIGINT or
    SIGTERM comes, which raises `vaebench.errors.Interrupted`. A run that another process trains is waited for. Raises
    `VaebenchError` if a folder holds a run of another configuration, unless ``replace`` is set.
    """
    plan = Plan(cell, data, folder, device, pack or (GPU_PACK if device.type == "cuda" else 1))
    with ExitStack() as stack:
        for place in map(plan.place, sorted(seeds)):
            stack.enter_context(held(beside(place), place))
        waiting: dict[int, list[int]] = {}
        for seed in seeds:
            done = plan.done(seed, replace)
            if done is not None:
                waiting.setdefault(done, []).append(seed)
        if waiting:
            fed = feed(data, cell.convention, device)
            with Watch(every) as watch:
                for group in waiting.values():
                    _train_packs(plan, group, plan.pack, fed, watch)
    return [plan.place(seed) for seed in seeds]


def feed(data: Data, convention: str, device: torch.device) -> Feed:
    """What runs see of some data under a convention."""
    grey = {split: getattr(data, split).images.to(device) for split in ("train", "validation")}
    seen = {split: binarisation.fixed(images, convention, split) for split, images in grey.items()}
    return Feed(**seen, dynamic=convention == "dynamic", grey=(grey["train"], grey["validation"]))


def record(folder: str | Path) -> dict[str, Any]:
    """What a finished run is and how it ended; raises `VaebenchError` if there is none, or if a file is damaged."""
    found = _record(Path(folder))
    _verify(Path(folder), found)
    return found


def _record(folder: Path) -> dict[str, Any]:
    """The record alone."""
    path = folder / "run.json"
    if not path.exists():
        raise VaebenchError(f"{folder}: no finished run here (there is no run.json); train it first")
    with reading(path, "the record of a run", "train it again in its place"):
        return opened(path.read_text())


def _verify(folder: Path, record: dict[str, Any]) -> None:
    """Raise `VaebenchError` if a file of a run is not that of its record."""
    for name in FILES:
        with reading(folder / name, "what the run wrote", AGAIN):
            if sha256(folder / name) != record["files"][name]:
                raise ValueError("its SHA-256 is not that in run.json")
    with reading(folder / "cost.json", "what a run cost", AGAIN):
        opened((folder / "cost.json").read_text())


def lost(record: dict[str, Any]) -> str:
    """Why there is nothing to measure in a run of this `record`, which diverged; empty if it did not."""
    return f"the run diverged in epoch {record['epochs']}" if record["status"] == "diverged" else ""


def told(record: dict[str, Any]) -> str:
    """How a run of this `record` ended, in words."""
    if reason := lost(record):
        return reason
    words = f"{record['status']} after {record['epochs']} epochs, best at {record['best_epoch']}"
    best = record["best_objective"]
    return words if best is None else f"{words} with a validation objective of {best:.2f} nats"


def refuse(records: Sequence[dict[str, Any]]) -> None:
    """Raise `VaebenchError` if any of a cell's runs, told by its `record`, diverged."""
    if gone := [f"seed {record['seed']}: {lost(record)}" for record in records if lost(record)]:
        flavour, left = records[0]["cell"]["flavour"], [record["seed"] for record in records if not lost(record)]
        rest = f"; left are seeds {', '.join(map(str, left))}" if left else ""
        raise VaebenchError(f"{flavour}, {', '.join(gone)}{rest}: {MEND}")


def summary(records: Sequence[dict[str, Any]]) -> str:
    """How the runs of a cell ended, in one line; the objectives are those of the runs that did not diverge."""
    ended = Counter(record["status"] for record in records)
    words = ", ".join(f"{count} of {len(records)} seeds {status}" for status, count in sorted(ended.items()))
    kept = [record["best_objective"] for record in records if not lost(record)]
    best = [objective for objective in kept if objective is not None]
    return f"{words}, validation objective {min(best):.2f} to {max(best):.2f} nats" if best else words


def manifest(cell: Cell, folders: Sequence[Path]) -> str:
    """A JSON document that names a cell's runs and their keys."""
    keys = {folder.name: record(folder)["key"] for folder in folders}
    return json.dumps({"cell": cell.plain(), "runs": keys}, indent=1)


def listed(path: Path) -> list[Path]:
    """Folders of the runs that a `manifest` names, which lie beside it in a folder of its name.

    Raises `VaebenchError` if it or a run is damaged, and removes the manifest, so that the workflow trains again.
    """
    try:
        with reading(path, "a list of runs", AGAIN):
            keys = dict(json.loads(path.read_text())["runs"])
            if strange := [name for name in keys if not re.fullmatch(r"seed\d+", name)]:
                raise ValueError(f"'{strange[0]}' is no run")
        folders = [path.with_suffix("") / name for name in keys]
        for folder in folders:
            if record(folder)["key"] != keys[folder.name]:
                raise VaebenchError(f"{path} lists another run than that in {folder}: {AGAIN}")
    except VaebenchError:
        remove(path)
        raise
    return folders


def _train_packs(plan: Plan, seeds: list[int], width: int, feed: Feed, watch: Watch) -> None:
    """Train seeds that have done the same number of epochs, ``width`` at a time or, where memory ends, fewer."""
    for start in range(0, len(seeds), width):
        group = seeds[start : start + width]
        try:
            _train_pack(plan, group, width, feed, watch)
            continue
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and "not enough memory" not in str(error):
                raise
            if width == 1:
                raise VaebenchError(
                    f"{plan.cell.path}: the device's memory does not hold one run ({one_line(error)[:100]}): lower the "
                    "batch_size, or set device: cpu"
                ) from None
        gc.collect()
        torch.cuda.empty_cache()
        _train_packs(plan, group, width // 2, feed, watch)


def _train_pack(plan: Plan, seeds: list[int], width: int, feed: Feed, watch: Watch) -> None:
    """Train up to ``width`` seeds that have done the same number of epochs; spare places repeat one."""
    training, folders = plan.cell.training, [plan.place(seed) for seed in seeds]
    recipe = Recipe.of(plan.cell, plan.data.shape, scale=plan.data.scale, data=plan.data.checksum)
    room.check(recipe, plan.cell.path, width if plan.device.type == "cpu" else 1)
    filled = seeds + seeds[:1] * (width - len(seeds))
    pack = Pack(recipe.flavour, recipe.design, recipe.objective.settings, training, filled, feed)
    if plan.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    spent = _resume(pack, [plan.place(seed) for seed in filled])
    started = time.monotonic() - spent
    title = f"{plan.cell.path} seed {', '.join(map(str, seeds))}"
    histories = [run.history for run in pack.runs[: len(seeds)]]
    log = journal.Journal(
        title, training.epochs, pack.runs[0].epoch, histories, [folder / "history.csv" for folder in folders]
    )

    def hold() -> Callable[[], None]:
        seconds, copies = time.monotonic() - started, [pack.checkpoint(slot) for slot in range(len(seeds))]
        return lambda: _keep(plan, seeds, copies, seconds)

    with closing(log):
        for epoch in watch.over(pack.train(), pack.runs[0].epoch, hold, log.kept):
            log.turn(epoch)
    seconds = time.monotonic() - started
    for slot, seed in enumerate(seeds):
        cost = {
            "wall_seconds": seconds / len(seeds),
            "samples_per_second": len(seeds) * pack.runs[slot].epoch * len(feed.train) / seconds,
            "peak_memory": hardware.peak_memory(plan.device),
            "pack": width,
            "where": hardware.describe(plan.device),
        }
        _save(pack, slot, folders[slot], msgspec.structs.replace(recipe, seed=seed), plan.facts(seed), cost)
    watch.stop(f"{title} is finished")


def _keep(plan: Plan, seeds: list[int], copies: list[tuple[State, dict[str, Any]]], seconds: float) -> None:
    """Write the checkpoints of seeds."""
    for seed, (tensors, progress) in zip(seeds, copies, strict=True):
        facts = plan.facts(seed) | {"seconds": seconds, "progress": progress}
        write(plan.place(seed) / CHECKPOINT, packed(tensors, facts))


def _resume(pack: Pack, folders: list[Path]) -> float:
    """Put a pack's runs back to their checkpoints, if any; returns the seconds that they have taken."""
    spent = 0.0
    for slot, folder in enumerate(folders):
        if (folder / CHECKPOINT).exists():
            found, tensors = _checkpoint(folder)
            pack.resume(slot, tensors, found["progress"])
            spent = found["seconds"]
    return spent


def _save(pack: Pack, slot: int, folder: Path, recipe: Recipe, facts: dict[str, Any], cost: dict[str, Any]) -> None:
    """Write a finished run; ``run.json`` comes last, so that its presence means that all of it is there."""
    run = pack.runs[slot]
    for which in ("best", "last"):
        save(pack.finished(slot, which), recipe, folder / f"{which}.safetensors")
    write(folder / "history.csv", text(run.history, HISTORY))
    write(folder / "cost.json", signed(cost, indent=1))
    ended = facts | {
        "files": {name: as_written(folder / name) for name in FILES},
        "status": run.status,
        "epochs": run.trained,
        "best_epoch": run.best_epoch,
        "best_objective": run.best if run.history and math.isfinite(run.best) else None,
        "parameters": sum(parameter.numel() for parameter in pack.stack.model.parameters()),
    }
    write(folder / "run.json", signed(ended, indent=1, sort_keys=True))
    remove(folder / CHECKPOINT, *(part for name in WRITTEN for part in abandoned(folder / name)))


def _facts(folder: Path) -> dict[str, Any]:
    """What a run's checkpoint says of itself."""
    path = folder / CHECKPOINT
    with reading(path, "a checkpoint", "delete it to train from the start"):
        return tag(path)


def _checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a run's checkpoint says of itself, and its tensors; raises `VaebenchError` if it is damaged."""
    path = folder / CHECKPOINT
    with reading(path, "a checkpoint", "delete it to train from the start"):
        return unpacked(path)


def _clear(folder: Path) -> int:
    """Remove a run, its record first: what a kill leaves of the rest is no finished run."""
    remove(folder / "run.json", folder)
    return 0
