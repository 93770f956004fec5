"""A folder of results, just made or committed: its tidy tables, perhaps compressed, and the study that it is of."""

from __future__ import annotations

import gzip
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from vaebench.errors import VaebenchError
from vaebench.files import reading
from vaebench.report.differences import COLUMNS
from vaebench.report.statistic import make, roles, sign
from vaebench.report.summary import gather, summarise
from vaebench.study import config

MEND = "give a folder of results with its tables, such as results/demo"


class Results:
    """Of a ``folder`` with ``tables`` and ``provenance.json``. All raise `VaebenchError` for what cannot be read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "tables").is_dir():
            raise VaebenchError(f"{self.folder}: no results there: {MEND}")

    def table(self, name: str) -> pd.DataFrame | None:
        """A tidy table, ``NAME.csv`` or ``NAME.csv.gz``; None if neither is there."""
        paths = (self.folder / "tables" / f"{name}.csv{end}" for end in ("", ".gz"))
        path = next((path for path in paths if path.exists()), None)
        return None if path is None else gather([path])

    def needed(self, name: str) -> pd.DataFrame:
        """A tidy table that is there."""
        if (found := self.table(name)) is None:
            raise VaebenchError(f"{self.folder / 'tables'}: {name}.csv is not there: {MEND}")
        return found

    def content(self, name: str) -> bytes | None:
        """Of a file of tables, as it was before it was compressed; None if it is not there."""
        path = self.folder / "tables" / name
        packed = path.with_name(f"{name}.gz")
        with reading(packed if packed.exists() else path, "a table", "restore it"):
            if packed.exists():
                return gzip.decompress(packed.read_bytes())
            return path.read_bytes() if path.exists() else None

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What the results came from."""
        path = self.folder / "provenance.json"
        with reading(path, "provenance", "run the workflow to its end, or restore it"):
            return json.loads(path.read_text())

    @cached_property
    def study(self) -> config.Study:
        """The configuration of the results."""
        return config.check(self.provenance.get("study"), f"{self.folder / 'provenance.json'}: study")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over seeds, made of the runs' metrics where they are not there."""
        if (found := self.table("summary")) is not None:
            return found
        if (metrics := self.table("metrics")) is not None:
            return summarise(metrics)
        raise VaebenchError(f"{self.folder / 'tables'}: neither summary.csv nor metrics.csv is there: {MEND}")

    def best(self, metric: str) -> pd.DataFrame:
        """The statistic ``best`` of a metric, made of summary and differences where it is not there."""
        found = self.table("best")
        names = (self.summary if found is None else found)["metric"].unique()
        known = sorted(name for name in names if sign(name))
        if metric not in known:
            raise VaebenchError(
                f"{self.folder}: no metric '{metric}' with a better direction: choose from {', '.join(known)}"
            )
        if found is None:
            differences = self.table("differences")
            tables = {
                "summary": self.summary.query("metric == @metric"),
                "differences": pd.DataFrame(columns=COLUMNS) if differences is None else differences,
            }
            found, _ = make("best", tables, roles(self.study))
        return found[found["metric"] == metric]
