"""A paper from committed tables: every table, figure and page that needs no trained run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from vaebench.errors import VaebenchError
from vaebench.files import reading, write
from vaebench.report import statistic
from vaebench.report.differences import COLUMNS
from vaebench.report.figures import facts, style
from vaebench.report.figures.draw import draw
from vaebench.report.results import Results
from vaebench.report.site.build import build
from vaebench.report.summary import summarise, whole
from vaebench.report.tables import columns, shown
from vaebench.report.tables.forms import forms
from vaebench.study import catalogue, views

TIDY = ("metrics", "history", "compute", "distances", "differences", "agreement")
SUFFIXES = (".pdf", ".png")


def make(results: Results, place: Path) -> list[str]:
    """Write tables, figures and pages into a folder, and return the names of the figures.

    The tidy tables of the ``results`` are held to their SHA-256 in the provenance; what follows from them is made anew.
    The same tables give the same tables. Raises `VaebenchError`.
    """
    tables = dict(_tables(results))
    for name, content in tables.items():
        write(place / "tables" / name, content)
    write(place / "provenance.json", (results.folder / "provenance.json").read_bytes())
    made = Results(place)
    write(place / "tables/summary.csv", summarise(made.needed("metrics")).to_csv(index=False))
    _statistics(made)
    _pages(made)
    drawn = [*_figures(made)]
    build(made, place / "site", verification={"verified": True, "said": f"{len(tables)} tables are those of its runs"})
    return drawn


def _tables(results: Results) -> Iterator[tuple[str, bytes]]:
    """The committed tables by name, as they were written, those that are there."""
    known = results.provenance["files"]
    for name in (*(f"{name}.csv" for name in (*TIDY, "components")), "conditions.json"):
        if (content := results.content(name)) is None:
            continue
        if hashlib.sha256(content).hexdigest() != known.get(str(PurePath("tables", name))):
            raise VaebenchError(
                f"{results.folder / 'tables' / name} is not the table of its provenance.json: restore both"
            )
        yield name, content


def _statistics(made: Results) -> None:
    """Those whose tables are there."""
    cells = statistic.roles(made.study)
    for name, inputs in statistic.inputs(geometry=made.study.geometry is not None).items():
        given = {what: made.table(what) for what in inputs}
        if any(table is None for table in given.values()):
            continue
        table, page = statistic.make(name, given, cells)
        write(made.folder / f"tables/{name}.csv", table.to_csv(index=False))
        write(made.folder / f"tables/{name}.md", page)


def _pages(made: Results) -> None:
    """Tables for people, in every form."""
    study = made.study
    agreement, differences = made.table("agreement"), made.table("differences")
    path = made.folder / "tables/conditions.json"
    with reading(path, "conditions", "restore it"):
        conditions = json.loads(path.read_text())
    given = shown.Results(
        study.families(),
        conditions,
        summary=made.summary,
        compute=summarise(whole(made.needed("compute"))),
        differences=pd.DataFrame(columns=COLUMNS) if differences is None else differences,
        agreement=agreement,
    )
    against = {cell["reference"] for cell in statistic.roles(study)} == {True, False}
    for table in columns.tables(views.measured(study), study.evaluation.tier, differences=against):
        for form, text in forms(given, table).items():
            write(made.folder / f"tables/{table}.{form}", text)


def _figures(made: Results) -> Iterator[str]:
    """Those drawn from tables alone: of the study, and of each block that they have."""
    study, folder = made.study, made.folder
    blocks = sorted({(cell.dataset, cell.architecture, cell.latent) for cell in study.cells()})
    for name in catalogue.names("figures"):
        fact: dict[str, Any] = facts(name)
        paths = {what: [folder / f"tables/{what}.csv"] for what in fact["INPUTS"]}
        if not all(path.exists() for [path] in paths.values()):
            continue
        places: dict[str, Any] = {name: None}
        if fact["SCOPE"] == "block":
            places = {f"{name}/{d}-{a}-z{z}": (d, a, z) for d, a, z in blocks if fact["LATENT"] in (None, z)}
        for place, block in places.items():
            figure = draw(name, paths, study.families(), block=block)
            style.save(figure, [folder / f"figures/{place}{suffix}" for suffix in SUFFIXES])
            yield place
