"""What a statistic is given, and how it is made: a pure function of tidy tables, with a page of Markdown."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vaebench.report.tables.columns import metric_of, quantity, reference
from vaebench.study import catalogue
from vaebench.study.config import Choice, Study
from vaebench.study.naming import CONTROLS, metric_name
from vaebench.study.tidy import CELL

if TYPE_CHECKING:  # a Snakefile asks for `inputs` and `roles`, which need no pandas
    import pandas as pd

JUDGED = ("metrics", "summary")
SIGNS = {"higher": 1, "lower": -1}


def inputs(*, geometry: bool) -> dict[str, tuple[str, ...]]:
    """Tables that each statistic is made of, without those of the latent ``geometry`` where a study has none."""
    found = {name: catalogue.stated("statistics", name, "INPUTS") for name in catalogue.names("statistics")}
    return {name: of for name, of in found.items() if geometry or not {"distances", "agreement"} & {*of}}


def roles(study: Study) -> list[dict[str, Any]]:
    """What each cell of a study is: of which ``conditions``, under which alone it meets others, whether a control, and
    whether the ``reference`` with its default hyperparameters."""
    wanted, families = reference(), study.families()
    return [
        {
            **{name: getattr(cell, name) for name in CELL},
            "conditions": _conditions(cell.convention, cell.likelihood),
            "control": families[cell.flavour] == CONTROLS,
            "reference": cell.objective == wanted,
        }
        for cell in study.cells()
    ]


def _conditions(convention: str, likelihood: Choice) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in likelihood.settings.items())
    return f"{convention} {likelihood.name}" + f" ({settings})" * bool(settings)


def judged(table: pd.DataFrame, cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of metrics with a better direction that tables show, with the columns of `roles` and a ``sign``.

    Times that sign more is better. Rows of cells that are not among the given ones are left out.
    """
    import pandas as pd

    signs = {name: sign(name) for name in table["metric"].unique()}
    rows = table.assign(sign=table["metric"].map(signs)).query("sign != 0")
    known = pd.DataFrame(cells, columns=[*CELL, "conditions", "control", "reference"])
    return rows.merge(known, on=CELL)


def sign(name: str) -> int:
    """1 for a metric of which more is better, -1 for less, 0 for one without a direction or that tables do not show."""
    shown = catalogue.declared("metrics", metric_of(name)).get("shown", True)
    return SIGNS.get(quantity(name).better or "", 0) if shown else 0


def make(name: str, tables: Mapping[str, pd.DataFrame], cells: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, str]:
    """The statistic ``name`` from the tables of its ``INPUTS``, and its page; ``cells`` are `roles` of the study."""
    given = {what: tables[what] for what in catalogue.stated("statistics", name, "INPUTS")}
    given = {what: judged(table, cells) if what in JUDGED else table for what, table in given.items()}
    function = catalogue.load("statistics", name)
    found = function(*given.values())
    return found, importlib.import_module(function.__module__).markdown(found)


def forms(name: str, tables: Mapping[str, pd.DataFrame], cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The texts of what `make` gives, by the suffix of their files."""
    from vaebench.report.tables.html import of_markdown  # with pandas

    table, page = make(name, tables, cells)
    return {"csv": table.to_csv(index=False), "md": page, "html": of_markdown(metric_name(name), page)}
