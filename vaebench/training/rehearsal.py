"""Whether the cells of a study can be trained at all, found out in seconds: models are built, losses run once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec
import torch

from vaebench.data.dataset import Data, Split
from vaebench.errors import VaebenchError, one_line
from vaebench.model.recipe import Recipe
from vaebench.study.config import Cell
from vaebench.training import room, runs
from vaebench.training.engine import Pack

FEW = 64  # images of a split


def rehearse(cells: Iterable[Cell], data: Mapping[str, Data], pack: int = 1) -> list[str]:
    """What training would refuse, a line for each reason with the cells that it holds for; empty if nothing.

    ``data`` are the datasets by name, and ``pack`` seeds are stacked. Datasets of one shape are tried once, and losses
    run at one latent size: at the others models are built.
    """
    few = {name: _few(each) for name, each in data.items()}
    reasons: dict[str, list[str]] = {}
    built: dict[bytes, str] = {}
    run: set[bytes] = set()
    for cell in cells:
        if cell.dataset in few:
            here = few[cell.dataset]
            facts = [
                cell.objective,
                cell.network,
                cell.likelihood,
                cell.convention,
                cell.training.masking,
                bool(cell.training.warmup),
            ]
            any_size = msgspec.json.encode([*facts, here.shape, here.scale])
            one_size = any_size + b"%d" % cell.latent
            if one_size not in built:
                built[one_size] = _fault(cell, here, 0 if any_size in run else pack)
                if not built[one_size]:
                    run.add(any_size)
            if built[one_size]:
                reasons.setdefault(built[one_size], []).append(cell.path)
    return [f"{_several(paths)}: {reason}" for reason, paths in reasons.items()]


def _few(data: Data) -> Data:
    """The first images of each split."""
    splits = (Split(split.images[:FEW], split.labels[:FEW]) for split in (data.train, data.validation, data.test))
    train, validation, test = splits
    return replace(data, train=train, validation=validation, test=test)


def _fault(cell: Cell, data: Data, pack: int) -> str:
    """Why a cell cannot be trained, empty if it can; with no ``pack`` its model is built and not run."""
    try:
        recipe = Recipe.of(cell, data.shape, scale=data.scale)
        room.check(recipe, f"latent size {cell.latent}", max(pack, 1))
        if not pack:
            recipe.build()
        else:
            fed = runs.feed(data, cell.convention, torch.device("cpu"))
            Pack(recipe.flavour, recipe.design, recipe.objective.settings, cell.training, list(range(pack)), fed)
    except VaebenchError as error:
        return str(error)
    except Exception as error:  # a part of the user's may raise errors of every kind
        return f"{type(error).__name__}: {one_line(error)}"
    return ""


def _several(paths: list[str]) -> str:
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
