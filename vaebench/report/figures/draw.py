"""From the files of results to a figure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaebench.files import reading
from vaebench.report.figures import facts, style
from vaebench.study import catalogue
from vaebench.study.tidy import BLOCK, RUN

ARRAYS = ("gallery", "geometry")


def draw(
    name: str,
    inputs: Mapping[str, Sequence[str | Path]],
    families: Mapping[str, str],
    flavours: Sequence[str] = (),
    block: Sequence[Any] | None = None,
) -> Figure:
    """The figure ``name`` from the files of each of its ``INPUTS``, in the looks of the study's ``families``.

    Files of arrays are each of one cell, that of the flavour in the same place of ``flavours``. Of tables, a figure is
    given the rows of its ``block`` (dataset, architecture, latent size), if it is of one; histories are those of runs
    that, by their costs, did not diverge. What it shows in words, its file's ``finding`` of the same, is the figure's
    label. Raises `VaebenchError`.
    """
    given: dict[str, Any] = {}
    for what in facts(name)["INPUTS"]:
        if what in ARRAYS:
            given[what] = {f: _arrays(Path(path)) for f, path in zip(flavours, inputs[what], strict=True)}
        else:
            given[what] = _table(inputs[what], block)
    if "history" in given:
        given["history"] = given["history"].merge(_whole(given.pop("compute")))
    function, palette = catalogue.load("figures", name), style.palette(families)
    figure: Figure = function(*given.values(), palette)
    if finding := getattr(sys.modules[function.__module__], "finding", None):
        figure.set_label(finding(*given.values(), palette))
    return figure


def _table(paths: Sequence[str | Path], block: Sequence[Any] | None) -> Any:
    """The rows of tables, of the block if they say of which they are."""
    from vaebench.report.summary import gather  # with pandas, which figures of arrays do without

    table = gather(paths)
    if block is not None:
        for column, value in zip(BLOCK, block, strict=True):
            table = table[table[column] == value]
    return table


def _whole(costs: Any) -> Any:
    """The runs that did not diverge, with the epoch of each whose weights are kept."""
    values = costs.pivot_table(index=RUN, columns="metric", values="value").reindex(columns=["diverged", "best_epoch"])
    return values[values["diverged"] == 0].rename(columns={"best_epoch": "kept"}).reset_index()[[*RUN, "kept"]]


def _arrays(path: Path) -> style.Arrays:
    with reading(path, "arrays", "delete it, and it is made again"), path.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))
