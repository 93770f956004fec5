"""A folder of results, just made or committed: its tidy tables, perhaps compressed, and the study that it is of."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from vaebench.errors import VaebenchError
from vaebench.files import read_json, reading, there, uncompressed
from vaebench.report.differences import COLUMNS
from vaebench.report.statistic import make, roles, sign
from vaebench.report.summary import gather, summarise
from vaebench.study import config

TIDY = ("metrics.csv", "history.csv", "compute.csv", "distances.csv", "differences.csv", "agreement.csv")
CONDITIONS = "conditions.json"  # from which, and from `TIDY`, all other tables follow
MEND = "give a folder of results with its tables, such as results/demo"


class Results:
    """Of a ``folder`` with ``tables`` and ``provenance.json``. All raise `VaebenchError` for what cannot be read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "tables").is_dir():
            raise VaebenchError(f"{self.folder}: no results there: {MEND}")

    def table(self, name: str) -> pd.DataFrame | None:
        """A tidy table, ``NAME.csv`` or ``NAME.csv.gz``; None if neither is there."""
        path = there(self.folder / f"tables/{name}.csv")
        return None if path is None else gather([path])

    def needed(self, name: str) -> pd.DataFrame:
        """A tidy table that is there."""
        if (found := self.table(name)) is None:
            raise VaebenchError(f"{self.folder / 'tables'}: {name}.csv is not there: {MEND}")
        return found

    def content(self, name: str) -> bytes | None:
        """Of a file of tables, as it was before it was compressed; None if it is not there.

        Raises `VaebenchError` if the provenance knows it as another.
        """
        if (path := there(self.folder / "tables" / name)) is None:
            return None
        with reading(path, "a table", "restore it"):
            found = uncompressed(path)
        files = self.provenance.get("files", {}) if (self.folder / "provenance.json").exists() else {}
        known = files.get(f"tables/{name}")
        if known not in (None, hashlib.sha256(found).hexdigest()):
            raise VaebenchError(
                f"{path} is not the table of its provenance.json: restore both, or run the workflow to its end"
            )
        return found

    def held(self) -> Self:
        """These results, when the tables that they are told from are those that the provenance knows."""
        for name in ("metrics", "summary", "differences", "best"):
            self.content(f"{name}.csv")
        return self

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What the results came from."""
        path = self.folder / "provenance.json"
        with reading(path, "provenance", "run the workflow to its end, or restore it"):
            return json.loads(path.read_text())

    def tidy(self) -> dict[str, bytes]:
        """The content of `TIDY` and `CONDITIONS` by name, those that the provenance knows, as they were written."""
        if (known := self.provenance.get("files")) is None:
            raise VaebenchError(
                f"{self.folder / 'provenance.json'} does not tell files: run the workflow to its end anew"
            )
        found = {name: self.content(name) for name in (*TIDY, CONDITIONS) if f"tables/{name}" in known}
        for name, content in found.items():
            if content is None:
                raise VaebenchError(f"{self.folder / 'tables' / name} is not there: restore it")
        return {name: content for name, content in found.items() if content is not None}

    @cached_property
    def study(self) -> config.Study:
        """The configuration of the results."""
        return config.check(self.provenance.get("study"), f"{self.folder / 'provenance.json'}: study")

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """Under what conditions each cell was measured."""
        found: list[dict[str, Any]] = read_json(self.folder / "tables" / CONDITIONS)
        return found

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
