"""From a folder of results to its site."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from vaebench.data.card import lines
from vaebench.errors import VaebenchError
from vaebench.files import reading, write
from vaebench.report.results import Results
from vaebench.report.site import PAGES, content, pictures
from vaebench.report.verification import check
from vaebench.study.config import Cell
from vaebench.study.naming import readable

TITLES = {
    "runs": "All runs",
    "compare": "Metric against metric",
    "sheets": "Samples and reconstructions",
    "explorer": "Latent space",
    "index": "The answer",  # written last: where it is, all is
}
SHARED = ("common.js", "site.css")
MAPPED = 2  # the latent size of which there are maps


def build(
    results: Results,
    place: Path,
    *,
    data: Path | None = None,
    name: str | None = None,
    verification: Mapping[str, Any] | None = None,
) -> None:
    """Write the site of results into a folder; the same results give the same bytes.

    Pictures are those of cells whose evaluations are there, cards those in the folder ``data``, by default that of the
    results. The study's ``name`` is by default that of their folder; ``verification`` says whether the results are
    ``verified``, by default as `check` finds, and how it is ``said``.
    Raises `VaebenchError`.
    """
    study, (cells, runs, shown) = content.of_study(results), content.numbers(results)
    study |= {
        "name": name or results.folder.absolute().name,
        "metrics": shown,
        "seeds": content.seeds_of(runs["places"]),
        "verification": verification or _verification(results),
    }
    study |= {"cards": list(_cards(results, data or results.folder / "data", place)), **_sheets(results, place)}
    for what, value in (("study", study), ("cells", cells), ("runs", runs)):
        _script(place / f"data/{what}.js", what, value)
    for shared in SHARED:
        write(place / shared, (PAGES / shared).read_bytes())
    for one in TITLES:
        write(place / f"{one}.js", (PAGES / f"{one}.js").read_bytes())
        write(place / f"{one}.html", page(one, study["name"]))


def page(name: str, study: str) -> str:
    """A page in the frame of all pages."""
    order = ["index", *(other for other in TITLES if other != "index")]
    links = [
        f'<li><a href="{other}.html"{" aria-current=page" * (other == name)}>{TITLES[other]}</a></li>'
        for other in order
    ]
    frame = Template((PAGES / "frame.html").read_text())
    return frame.substitute(
        title=f"{TITLES[name]} - {escape(study)}",
        heading=TITLES[name],
        study=escape(study),
        links="".join(links),
        body=(PAGES / f"{name}.html").read_text(),
        name=name,
    )


def _script(path: Path, name: str, value: Any) -> None:
    """A value as a script that hands it to the page: what a page from the disk may read."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    write(path, f"receive({json.dumps(name)},{text});\n", lasting=False)


def _gallery(results: Results, cell: Cell) -> dict[str, np.ndarray] | None:
    path = results.folder / "evaluations" / cell.path / "gallery.npz"
    if not path.exists():
        return None
    with reading(path, "arrays", "delete it, and it is made again"), path.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def _sheets(results: Results, place: Path) -> dict[str, list[str]]:
    """Write the pictures: a script of strips for each block, one of a map for each cell. Returns their names."""
    blocks: dict[str, dict[str, Any]] = {}
    planes = []
    for cell in results.study.cells():
        if (gallery := _gallery(results, cell)) is None:
            continue
        sheet = blocks.setdefault(cell.block, {"flavours": {}})
        sheet["flavours"][cell.flavour] = pictures.strips(gallery)
        if "originals" in gallery and "originals" not in sheet:
            originals = gallery["originals"]
            sheet |= {
                "originals": pictures.png(originals),
                "shape": list(originals.shape[-2:]),
                "count": len(originals),
            }
        if cell.latent == MAPPED and ("plane_reason" in gallery or str(gallery["reason"])):
            planes.append(f"{cell.block}-{cell.flavour}")
            _script(place / f"data/planes/{planes[-1]}.js", planes[-1], pictures.plane(gallery))
    for block, sheet in blocks.items():
        _script(place / f"data/sheets/{block}.js", block, sheet)
    return {"sheets": list(blocks), "planes": planes}


def _cards(results: Results, folder: Path, place: Path) -> Iterator[dict[str, Any]]:
    """The facts of each dataset whose card is there, and its contact sheet."""
    for name in results.study.sources():
        path = folder / f"{name}.json"
        if path.exists():
            with reading(path, "a card", "delete it, and it is made again"):
                said = list(lines(json.loads(path.read_text())))
            sheet = path.with_suffix(".png")
            if sheet.exists():
                write(place / f"data/{name}.png", sheet.read_bytes(), lasting=False)
            yield {"name": readable(name), "lines": said, "sheet": f"data/{name}.png" if sheet.exists() else ""}


def _verification(results: Results) -> dict[str, Any]:
    """Whether the results were verified when the site was made of them."""
    try:
        count, commit = check(results.folder)
        return {
            "verified": True,
            "said": f"{count} files are as they were made" + f", by commit {commit}" * bool(commit),
        }
    except VaebenchError as error:
        return {"verified": False, "said": str(error)}
