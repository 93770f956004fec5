"""A paper from committed tables: every table, figure and page that needs no trained run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from vaebench.files import write
from vaebench.report import figures, published, statistic
from vaebench.report.figures import style
from vaebench.report.figures.draw import draw
from vaebench.report.results import Results
from vaebench.report.site.build import build
from vaebench.report.summary import summarise
from vaebench.report.tables import columns
from vaebench.report.tables.forms import pages

SUFFIXES = (".pdf", ".png")


def make(results: Results, place: Path) -> list[str]:
    """Write tables, figures and pages into a folder, and return the names of the figures.

    The tidy tables of the ``results`` are held to their SHA-256 in the provenance; what follows from them is made anew.
    The same tables give the same tables. Raises `VaebenchError`.
    """
    tables = results.tidy()
    for name, content in tables.items():
        write(place / "tables" / name, content)
    write(place / "provenance.json", (results.folder / "provenance.json").read_bytes())
    made = Results(place)
    write(place / "tables/summary.csv", summarise(made.needed("metrics")).to_csv(index=False))
    _statistics(made)
    for name, text in pages(made, made.study.families(), columns.of_study(made.study)):
        write(place / "tables" / name, text)
    drawn = [*_figures(made)]
    verification = {"verified": True, "said": f"{len(tables)} tables are those of its runs"}
    build(made, place / "site", name=results.folder.absolute().name, verification=verification)
    return drawn


def _statistics(made: Results) -> None:
    study = made.study
    cells = statistic.roles(study)
    inputs = statistic.inputs(geometry=study.geometry is not None)
    found = {
        name: statistic.forms(name, {what: made.needed(what) for what in of}, cells) for name, of in inputs.items()
    }
    if study.published:
        found["published"] = published.forms(made.summary, msgspec.to_builtins(study.published))
    for name, texts in found.items():
        for form, text in texts.items():
            write(made.folder / f"tables/{name}.{form}", text)


def _figures(made: Results) -> Iterator[str]:
    """Those drawn from tables alone."""
    for place, (name, block) in figures.places(made.study).items():
        paths = {what: [made.folder / f"tables/{what}.csv"] for what in figures.facts(name)["INPUTS"]}
        if all(path.exists() for [path] in paths.values()):
            figure = draw(name, paths, made.study.families(), block=block)
            style.save(figure, [made.folder / f"figures/{place}{suffix}" for suffix in SUFFIXES])
            yield place
