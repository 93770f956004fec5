"""From the files of results to a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaebench.files import reading
from vaebench.report.figures import style
from vaebench.study import catalogue
from vaebench.study.tidy import CELL, RUN

ARRAYS = ("gallery", "geometry")


def draw(
    name: str, inputs: Mapping[str, Sequence[str | Path]], families: Mapping[str, str], flavours: Sequence[str] = ()
) -> Figure:
    """The figure ``name`` from the files of each of its kind's ``INPUTS``, in the looks of the study's ``families``.

    Files of arrays are each of one cell, that of the flavour in the same place of ``flavours``. Of a study's table
    beside those of cells, a figure is given the rows of these cells; histories are those of runs that, by their costs,
    did not diverge. Raises `VaebenchError`.
    """
    given: dict[str, Any] = {}
    for what in catalogue.constant("figures", catalogue.group_of("figures", name), "INPUTS"):
        if what in ARRAYS:
            given[what] = {f: _arrays(Path(path)) for f, path in zip(flavours, inputs[what], strict=True)}
        else:
            from vaebench.report.summary import gather  # with pandas, which figures of arrays do without

            given[what] = gather(inputs[what])
    if "distances" in given:
        cells = given["distances"][CELL].drop_duplicates()
        given |= {what: given[what].merge(cells) for what in ("agreement", "summary") if what in given}
    if "history" in given:
        given["history"] = given["history"].merge(_whole(given.pop("compute")))
    return catalogue.load("figures", name)(*given.values(), style.palette(families))


def _whole(costs: Any) -> Any:
    """The runs that did not diverge."""
    return costs.loc[(costs["metric"] == "diverged") & (costs["value"] == 0), RUN]


def _arrays(path: Path) -> style.Arrays:
    with reading(path, "arrays", "delete it, and it is made again"), path.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))
