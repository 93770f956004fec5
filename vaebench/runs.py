"""Runs on disk: train the seeds of a cell into folders, resume what was interrupted, and read the result back.

A run's folder holds ``run.json`` (what it is and how it ended), ``history.csv``, ``best.safetensors`` and
``last.safetensors``, which are the same bytes whenever the same configuration trains on the same kind of device, and
``cost.json``, which is not. While it trains it holds ``checkpoint.safetensors``.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from tqdm import tqdm

from . import binarisation, hardware
from .config import Cell, identity
from .data.dataset import Data
from .engine import Feed, Pack
from .errors import VaebenchError
from .files import write
from .recipe import Recipe, save

GPU_WIDTH = 10


def train(
    cell: Cell,
    seeds: list[int],
    data: Data,
    folder: Path,
    *,
    device: torch.device,
    width: int | None = None,
    replace: bool = False,
    every: float = 30.0,
) -> list[Path]:
    """Train a cell's seeds into ``folder/seedN`` and return those folders; finished seeds are kept as they are.

    ``width`` seeds are stacked in one program (by default 1 on a CPU, 10 on a GPU; spare places repeat a seed), and
    ``every`` so many seconds a checkpoint is written, from which a later call resumes. Raises `VaebenchError` if a
    folder holds a run of another configuration, unless ``replace`` is set.
    """
    width = width or (GPU_WIDTH if device.type == "cuda" else 1)
    folders = {seed: folder / f"seed{seed}" for seed in seeds}
    keys = {seed: identity(cell, seed, data=data.checksum, width=width, device=device.type) for seed in seeds}
    waiting: dict[int, list[int]] = {}
    for seed in seeds:
        done = _epoch_on_disk(folders[seed], keys[seed], cell, replace)
        if done is not None:
            waiting.setdefault(done, []).append(seed)
    if waiting:
        seen = {
            split: binarisation.fixed(getattr(data, split).images.to(device), cell.convention, split)
            for split in ("train", "validation")
        }
        feed = Feed(**seen, dynamic=cell.convention == "dynamic")
        for group in waiting.values():
            for start in range(0, len(group), width):
                _train_pack(cell, group[start : start + width], keys, folders, data, feed, width, every)
    return list(folders.values())


def lost(record: dict[str, Any]) -> str:
    """Why there is nothing to measure in a run of which `describe` tells; empty if there is something."""
    return "the run diverged in its first epoch" if record["best_epoch"] == 0 else ""


def listed(manifest: Path) -> list[Path]:
    """The runs that a cell's manifest names."""
    return [manifest.with_suffix("") / name for name in json.loads(manifest.read_text())]


def describe(folder: str | Path) -> dict[str, Any]:
    """The record of a finished run; raises `VaebenchError` if there is none."""
    try:
        return json.loads((Path(folder) / "run.json").read_text())
    except (OSError, ValueError) as error:
        raise VaebenchError(f"{folder}: no finished run here ({_line(error)}); train it first") from None


def _epoch_on_disk(folder: Path, key: str, cell: Cell, replace: bool) -> int | None:
    """Epochs that a run has done (0 if it is new), or None if it is finished."""
    try:
        if (folder / "run.json").exists():
            record, epoch = describe(folder), None
        elif (folder / "checkpoint.safetensors").exists():
            record = _metadata(folder / "checkpoint.safetensors")
            epoch = record["progress"]["epoch"]
        else:
            return 0
    except VaebenchError:
        if not replace:
            raise
        return _clear(folder)
    if record["key"] == key:
        return epoch
    if replace:
        return _clear(folder)
    raise VaebenchError(
        f"{folder} holds a run of another configuration ({_difference(record, cell)}): "
        "choose another folder or replace it"
    )


def _clear(folder: Path) -> int:
    for path in folder.iterdir():
        path.unlink()
    return 0


def _difference(record: dict[str, Any], cell: Cell) -> str:
    """The settings in which a stored run and a cell differ, as ``training.epochs: 5 -> 6``."""
    old, new = dict(_flat(record["cell"])), dict(_flat(json.loads(json.dumps(cell.describe()))))
    changed = [f"{name}: {old.get(name)} -> {new.get(name)}" for name in old | new if old.get(name) != new.get(name)]
    return "; ".join(changed) or "other data, code, pack width or device"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(inner, f"{name}.{key}".strip("."))
    else:
        yield name, value


def _train_pack(
    cell: Cell,
    seeds: list[int],
    keys: dict[int, str],
    folders: dict[int, Path],
    data: Data,
    feed: Feed,
    width: int,
    every: float,
) -> None:
    """Train up to ``width`` seeds that have done the same number of epochs."""
    recipe = Recipe.of(cell, (feed.train.shape[1], feed.train.shape[2], feed.train.shape[3]))
    filled = seeds + seeds[:1] * (width - len(seeds))
    pack = Pack(recipe.objective, recipe.design, recipe.flavour[1], cell.training, filled, feed)
    if feed.train.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    spent = 0.0
    for slot, seed in enumerate(filled):
        if (path := folders[seed] / "checkpoint.safetensors").exists():
            record = _metadata(path)
            pack.resume(slot, safetensors.torch.load_file(path), json.dumps(record["progress"]))
            spent = record["seconds"]
    first, saved = pack.runs[0].epoch, time.monotonic()
    started = saved - spent
    bar = tqdm(
        total=cell.training.epochs,
        initial=first,
        desc=f"{cell.path} seed {', '.join(map(str, seeds))}",
        unit="epoch",
        disable=None,
    )
    for epoch in pack.train():
        bar.update()
        bar.set_postfix_str(", ".join(f"{run.history[-1]['value']:.2f} nats" for run in pack.runs if run.history))
        if time.monotonic() - saved > every and epoch < cell.training.epochs:
            saved = time.monotonic()
            for slot, seed in enumerate(seeds):
                _save_checkpoint(
                    pack, slot, folders[seed], {"key": keys[seed], "cell": cell.describe(), "seconds": saved - started}
                )
    bar.close()
    seconds = time.monotonic() - started
    for slot, seed in enumerate(seeds):
        cost = {
            "wall_seconds": seconds / len(seeds),
            "samples_per_second": len(seeds) * pack.runs[slot].epoch * len(feed.train) / seconds,
            "peak_memory": hardware.peak_memory(feed.train.device),
            "pack_width": width,
            "where": hardware.describe(feed.train.device),
        }
        facts = {"key": keys[seed], "seed": seed, "data": data.checksum, "cell": cell.describe()}
        _save_run(pack, slot, folders[seed], recipe, facts, cost)


def _save_checkpoint(pack: Pack, slot: int, folder: Path, record: dict[str, Any]) -> None:
    tensors, progress = pack.checkpoint(slot)
    metadata = {"vaebench": json.dumps(record | {"progress": json.loads(progress)})}
    write(folder / "checkpoint.safetensors", safetensors.torch.save(tensors, metadata))


def _save_run(pack: Pack, slot: int, folder: Path, recipe: Recipe, facts: dict[str, Any], cost: dict[str, Any]) -> None:
    """Write a finished run; ``run.json`` comes last, so that its presence means that all of it is there."""
    run = pack.runs[slot]
    for which in ("best", "last"):
        model = pack.finished(slot, which)
        model.recipe = recipe
        save(model, folder / f"{which}.safetensors")
    table = io.StringIO()
    rows = csv.DictWriter(table, ("epoch", "split", "term", "value"), lineterminator="\n")
    rows.writeheader()
    rows.writerows(run.history)
    write(folder / "history.csv", table.getvalue())
    write(folder / "cost.json", json.dumps(cost, indent=1))
    record = facts | {
        "status": run.status,
        "epochs": run.epoch,
        "best_epoch": run.best_epoch,
        "parameters": sum(parameter.numel() for parameter in pack.model.parameters()),
    }
    write(folder / "run.json", json.dumps(record, indent=1, sort_keys=True))
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _metadata(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as file:
            return json.loads(file.metadata()["vaebench"])
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise VaebenchError(f"{path} cannot be read ({_line(error)}); delete it to train from the start") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
