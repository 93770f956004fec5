"""What the pages show of a study's tables, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vaebench.report.answer import NOTE, Leader, answer
from vaebench.report.figures import style
from vaebench.report.questions import QUESTIONS, of_table
from vaebench.report.results import Results
from vaebench.report.statistic import roles
from vaebench.report.summary import summarise, whole
from vaebench.report.tables import columns
from vaebench.study import catalogue
from vaebench.study.naming import block_name, metric_name, readable
from vaebench.study.tidy import CELL, METRICS, RUN

Plain = dict[str, Any]
ENDS = ["mean", "low", "high", "n"]


def seeds_of(runs: Iterable[Sequence[Any]]) -> list[str]:
    """Which seeds ``runs`` (places as `RUN`) have, and of which blocks where these have others."""
    found: dict[str, set[int]] = {}
    for dataset, architecture, _, latent, seed in runs:
        found.setdefault(block_name(dataset, architecture, latent), set()).add(seed)
    blocks: dict[tuple[int, ...], list[str]] = {}
    for block, of_block in found.items():
        blocks.setdefault(tuple(sorted(of_block)), []).append(block)
    told = []
    for seeds, of in blocks.items():
        which = f" ({'; '.join(of)})" if len(blocks) > 1 else ""
        told.append(f"{len(seeds)} seed{'s' * (len(seeds) > 1)}: {', '.join(map(str, seeds))}{which}")
    return told


def key(metric: str, part: str) -> str:
    """What the pages call a number."""
    return f"{metric}:{part}" if part else metric


def of_study(results: Results) -> Plain:
    """Names and looks of all there is, the questions, and the answer."""
    study = results.study
    families, labels = study.families(), study.chosen()
    looks = style.palette(families)
    return {
        "questions": QUESTIONS,
        "datasets": {name: readable(name) for name in study.datasets},
        "architectures": {name: readable(name) for name in study.architectures},
        "latents": sorted({cell.latent for cell in study.cells()}),
        "families": {
            family: {
                "title": catalogue.title("flavours", family),
                "colour": next(looks[name].colour for name in families if families[name] == family),
            }
            for family in dict.fromkeys(families.values())
        },
        "flavours": {
            name: {
                "name": look.name,
                "family": families[name],
                "colour": look.colour,
                "marker": look.marker,
                "objective": labels[name].name if name in labels else name,
            }
            for name, look in looks.items()
        },
        "conditions": sorted({role["conditions"] for role in roles(study)}),
        "answer": [_leader(leader) for leader in answer(results)],
        "note": NOTE,
    }


def _leader(leader: Leader) -> Plain:
    ends = {name: None if np.isnan(value) else value for name, value in (("low", leader.low), ("high", leader.high))}
    return leader._asdict() | ends | {"told": leader.told}


def numbers(results: Results) -> tuple[Plain, Plain, list[Plain]]:
    """The numbers of cells, those of runs, and what each is.

    Of cells: ``places``, each [dataset, architecture, flavour, latent size], and ``values`` by `key`, for each place
    [mean, low, high, n], or why there is none as [reason], the number of one of ``reasons``. Of runs the same: places
    end in the seed, and a value is a number or [reason].
    """
    costs, metrics = results.table("compute"), results.table("metrics")
    spent = [] if costs is None else [whole(costs)]
    known = [*([] if metrics is None else [metrics]), *spent]
    runs = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=METRICS)
    means = [results.summary, *map(summarise, spent)]
    if results.study.geometry:  # one of an earlier configuration may still lie there
        agreement = results.needed("agreement")
        means.append(agreement.assign(n=agreement["seeds"]))
    cells = pd.concat(means, ignore_index=True)
    shown = _shown(cells)
    flavours = results.study.families()
    return _laid(cells, CELL, ENDS, shown, flavours), _laid(runs, RUN, ["value"], shown, flavours), shown


def _shown(cells: pd.DataFrame) -> list[Plain]:
    """What each number is, in the order of the tables and their columns."""
    present = {(metric, part) for metric, part in zip(cells["metric"], cells["part"], strict=True)}
    return [
        {
            "key": key(metric, part),
            "name": columns.heading(metric, metric_name(part) if part else ""),
            "better": columns.quantity(metric).better,
            "question": of_table(table),
            "table": columns.title(table),
        }
        for table, numbers in columns.shown(present).items()
        for metric, part in numbers
    ]


def _laid(
    table: pd.DataFrame, place: list[str], fields: list[str], shown: list[Plain], flavours: Iterable[str]
) -> Plain:
    """Values of a table by number and place; places by block, in it by the order of ``flavours``."""
    order = {flavour: number for number, flavour in enumerate(flavours)}
    every = {tuple(row) for row in table[place].itertuples(index=False)}
    places = sorted(every, key=lambda one: (one[0], one[1], one[3], order.get(one[2], len(order)), *one[4:]))
    where = {one: i for i, one in enumerate(places)}
    wanted, reasons = {one["key"] for one in shown}, {"not measured": 0}
    values: dict[str, list[Any]] = {}
    for row in table[[*place, "metric", "part", "reason", *fields]].itertuples(index=False, name=None):
        spot, (metric, part, reason, *found) = row[: len(place)], row[len(place) :]
        if (name := key(metric, part)) in wanted:
            lacking = np.isnan(found[0])
            told = [reasons.setdefault(reason or "no value", len(reasons))] if lacking else _plain(found)
            values.setdefault(name, [[0]] * len(places))[where[spot]] = told
    return {"places": list(map(list, places)), "reasons": list(reasons), "values": dict(sorted(values.items()))}


def _plain(found: Sequence[Any]) -> Any:
    """Numbers of a row; those that are none are null, a single one stands alone."""
    known = [None if np.isnan(value) else value for value in found]
    return known[0] if len(known) == 1 else known
