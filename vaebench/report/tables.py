"""From the CSV files of cells to a summary over seeds, and from there to tables for people.

Intervals are Student's: mean ± t(0.975, n - 1) s / √n for n seeds with standard deviation s.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vaebench.errors import VaebenchError
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS, GREEK, metric_name, readable

CELL = ["dataset", "architecture", "flavour", "latent"]
BLOCK = ["dataset", "architecture", "latent"]
INTEGERS = ("latent", "seed", "epoch", "pair")
METRICS = ("metrics", "metrics/geometry")
MISSING = "—"
METRIC_NAMES = {
    "euclidean": "pull-back of the Euclidean metric by the mean image",
    "fisher_rao": "pull-back of the Fisher-Rao metric of the likelihood",
}
CONDITIONS = ("convention", "likelihood", "importance_samples", "importance_images")


@dataclass(frozen=True)
class Entry:
    """One number as people read it, whether it is the best of its block, and why it is missing if it is."""

    text: str = MISSING
    best: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return self.text


def gather(paths: Iterable[str | Path]) -> pd.DataFrame:
    """One table from CSV files of one kind, in an order that does not depend on that of the paths.

    Latent sizes, seeds, epochs and pairs are integers, values are floats (empty: NaN), all else is text (empty: "").
    Raises `VaebenchError` if there is no file or one cannot be read.
    """
    frames = [_read(Path(path)) for path in paths]
    if not frames:
        raise VaebenchError("no tables to gather: give at least one CSV file")
    table = pd.concat(frames, ignore_index=True)
    keys = [column for column in table if column != "value"]
    return table.sort_values([*keys, "value"], kind="stable", ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    try:
        # As text first: "nan" may be a dataset's name, and the text of a float converts to its nearest bits.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table["value"] = table["value"].replace("", "nan").astype(np.float64)
        return table.astype({column: np.int64 for column in INTEGERS if column in table})
    except KeyError as error:
        raise VaebenchError(f"{path}: cannot be read as a table (it has no column {error})") from None
    except (OSError, ValueError) as error:
        raise VaebenchError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from None


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % confidence interval over seeds, one row per cell, sampler and metric.

    Columns: the cell, ``sampler``, ``metric``, ``n`` (seeds with a value), ``mean``, ``low``, ``high`` (NaN for one
    seed) and ``reason`` (only if no seed has a value).
    """
    keys = [*CELL, "sampler", "metric"]
    groups = metrics.groupby(keys)
    table = groups["value"].agg(n="count", mean=_mean, deviation=_deviation)
    half = stats.t.ppf(0.975, (table["n"] - 1).clip(lower=1)) * table["deviation"] / np.sqrt(table["n"].clip(lower=1))
    table["low"], table["high"] = table["mean"] - half, table["mean"] + half
    reasons = groups["reason"].agg(lambda given: "; ".join(sorted(set(given) - {""})))
    table["reason"] = reasons.where(table["n"] == 0, "")
    return table.drop(columns="deviation").reset_index()


def _mean(values: pd.Series) -> float:
    given = values.dropna().to_numpy()
    return float(given.mean()) if len(given) else np.nan


def _deviation(values: pd.Series) -> float:
    """Standard deviation with n - 1, exactly 0 for equal values; NaN where undefined, as among infinite values."""
    given = values.dropna().to_numpy()
    if len(given) < 2 or not np.isfinite(given).all():
        return np.nan
    return float(given.std(ddof=1)) if np.ptp(given) else 0.0


def wide(summary: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Summary for people: a row per cell, a column per metric, an `Entry` in each place.

    Rows are grouped by dataset, architecture and latent size, with the control flavours last; within such a block the
    best mean of a metric is marked, controls aside. A metric measured with samplers has a column for each.
    """
    rows = summary[summary["metric"].isin(metrics)].copy()
    rows["column"] = rows["metric"].where(rows["sampler"] == "", rows["metric"] + " (" + rows["sampler"] + ")")
    best = _best(rows)
    rows["entry"] = pd.Series([_entry(row, best[row.Index]) for row in rows.itertuples()], rows.index, dtype=object)
    columns = sorted(rows["column"].unique(), key=lambda column: (list(metrics).index(_stem(column)), column))
    table = rows.pivot(index=CELL, columns="column", values="entry")[columns]
    table.columns.name = None
    block = [table.index.get_level_values(level) for level in BLOCK]
    flavour = table.index.get_level_values("flavour")
    table = table.iloc[np.lexsort([flavour, flavour.isin(CONTROLS), *reversed(block)])]
    return table.map(lambda entry: entry if isinstance(entry, Entry) else Entry(reason="not measured"))


def _best(rows: pd.DataFrame) -> pd.Series:
    """Which rows hold the best mean of their block and column."""
    sign = rows["metric"].map(lambda name: {"higher": 1.0, "lower": -1.0, None: np.nan}[metric(name).better])
    score = (sign * rows["mean"]).mask(rows["flavour"].isin(CONTROLS))
    return score == score.groupby([rows[key] for key in [*BLOCK, "column"]]).transform("max")


def _entry(row: Any, best: bool) -> Entry:
    if np.isnan(row.mean):
        return Entry(reason=row.reason or "no value")
    return Entry(_number(row.mean, (row.high - row.low) / 2), bool(best))


def _number(mean: float, half: float) -> str:
    """Two significant digits of the half-width set the decimals of both; four of the mean if there is no width."""
    if not np.isfinite(mean):
        return str(mean).replace("inf", "∞")
    uncertain = np.isfinite(half) and half > 1e-6 * abs(mean)  # less is rounding
    if not uncertain and mean == round(mean):
        return f"{mean:.0f}"
    size, digits = (half, 2) if uncertain else (abs(mean), 4)
    decimals = max(0, digits - 1 - int(np.floor(np.log10(size)))) if size else 0
    if decimals > 6 and abs(mean) >= 1e-3:
        decimals = 6
    if decimals > 6:
        return f"{mean:.3g}" + (f" ± {half:.2g}" if uncertain else "")
    return f"{mean:.{decimals}f}" + (f" ± {half:.{decimals}f}" if uncertain else "")


def _stem(column: str) -> str:
    return column.partition(" (")[0]


@dataclass(frozen=True)
class Quantity:
    """What a run cost, or how far runs agree: no metric of one model, but shown like one."""

    unit: str = ""
    better: str | None = None


COMPUTE = {
    "wall_seconds": Quantity(),
    "samples_per_second": Quantity(),
    "peak_memory": Quantity("MiB"),
    "parameters": Quantity(),
    "epochs": Quantity(),
    "best_epoch": Quantity(),
    "diverged": Quantity(),
}
AGREEMENT = {
    "kendall_w": Quantity(better="higher"),
    "mean_spearman": Quantity(better="higher"),
    "variation": Quantity(better="lower"),
    "scale_free_variation": Quantity(better="lower"),
    "variation_t": Quantity(),
    "variation_p": Quantity(),
}
QUANTITIES = {"compute": COMPUTE, "agreement": AGREEMENT}


def members(table: str) -> list[str]:
    """Names of the columns of a table: the metrics that declare it, or its `QUANTITIES`."""
    if table in QUANTITIES:
        return list(QUANTITIES[table])
    return [name for kind in METRICS for name in catalogue.names(kind) if metric(name).table == table]


def conditions(facts: Sequence[Mapping[str, Any]], seeds: int, geometry: Mapping[str, Any] | None = None) -> str:
    """The line that every table carries: data convention, likelihood, how it was measured, seeds, intervals.

    ``geometry`` are the settings (`vaebench.study.config.Geometry`) of a table of latent geometry.
    """
    stated = {name: sorted({fact[name] for fact in facts}) for name in CONDITIONS}
    convention, likelihood, samples, images = (" or ".join(map(str, values)) for values in stated.values())
    measured = f"NLL and effective sample size: K = {samples} importance samples, {images} evenly spaced test images"
    if geometry:
        measured = (
            f"{METRIC_NAMES[geometry['metric']]}, in float64, latents whitened by the codes' covariance in its active "
            f"directions; {geometry['points']} evenly spaced test codes, as many prior samples, {geometry['pairs']} "
            "pairs of test images and their midpoints"
        )
    return (
        f"Data convention: {convention}; likelihood: {likelihood}; {measured}; {seeds} seed{'s' if seeds > 1 else ''}; "
        "mean ± half-width of the 95 % Student interval over seeds."
    )


@functools.cache
def metric(name: str) -> Any:
    """The metric object behind a name in a table: ``kl_per_dimension_3`` comes from ``kl_per_dimension``."""
    for quantities in QUANTITIES.values():
        if name in quantities:
            return quantities[name]
    for kind in METRICS:
        if name in catalogue.names(kind):
            return catalogue.load(kind, name)
    return catalogue.load("metrics", re.sub(r"_\d+$", "", name))


def heading(column: str) -> str:
    """Name, unit and better direction of a metric: "ELBO (nats) ↑"."""
    stem = _stem(column)
    unit = metric(stem).unit
    unit = f" ({unit})" if unit and unit not in metric_name(stem) else ""
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[metric(stem).better]
    return f"{metric_name(stem)}{column.removeprefix(stem)}{unit}{arrow}"


def markdown(table: pd.DataFrame, note: str) -> str:
    """A `wide` table in Markdown: best values bold, ``note`` below it, then the reasons for missing values."""
    rows, reasons = _render(table, lambda text: text.replace("|", r"\|"), "**{}**".format, "<sup>{}</sup>".format)
    rule = ["---", "---", "---", "--:"] + ["--:"] * len(table.columns)
    lines = [f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]]]
    footnotes = [f"<sup>{number}</sup> {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines) + "\n\n" + "  \n".join([note, *footnotes]) + "\n"


def latex(table: pd.DataFrame, note: str) -> str:
    """A `wide` table as a LaTeX ``tabular`` (package booktabs), with the notes of `markdown` below it."""
    rows, reasons = _render(table, escape, r"\textbf{{{}}}".format, r"\textsuperscript{{{}}}".format)
    blocks = list(zip(*(table.index.get_level_values(level) for level in BLOCK), strict=True))
    body = []
    for row, block, previous in zip(rows[1:], blocks, [None, *blocks[:-1]], strict=True):
        body += ([r"\midrule"] if block != previous else []) + [" & ".join(row) + r" \\"]
    footnotes = [rf"\textsuperscript{{{number}}} {escape(reason)}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{lllr{'r' * len(table.columns)}}}",
            r"\toprule",
            " & ".join(rows[0]) + r" \\",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            r"{\footnotesize " + " \\\\\n".join([escape(note), *footnotes]) + r"\par}",
            "",
        ]
    )


def html(table: pd.DataFrame, note: str) -> str:
    """A `wide` table as a page, with the notes of `markdown` below it."""
    rows, reasons = _render(table, escape_html, "<b>{}</b>".format, "<sup>{}</sup>".format)
    body = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:]]
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    footnotes = [f"<sup>{number}</sup> {escape_html(reason)}" for number, reason in enumerate(reasons, 1)]
    style = (
        "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse}"
        "th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
        "th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}p{color:#555;font-size:12px}"
    )
    return (
        f'<!doctype html><meta charset="utf-8"><style>{style}</style>\n<table>\n<tr>{head}</tr>\n'
        + "\n".join(body)
        + f"\n</table>\n<p>{'<br>'.join([escape_html(note), *footnotes])}</p>\n"
    )


def _render(
    table: pd.DataFrame,
    safe: Callable[[str], str],
    bold: Callable[[str], str],
    raised: Callable[[int], str],
) -> tuple[list[list[str]], list[str]]:
    """Rows of text, the heading first, and the distinct reasons for missing values in the order of their numbers."""
    reasons: dict[str, int] = {}
    rows = [[safe(head) for head in [level.capitalize() for level in CELL] + [heading(c) for c in table.columns]]]
    for cell, entries in zip(table.index, table.to_numpy(), strict=True):
        row = [*map(readable, cell[:3]), str(cell[3])]
        rows.append([safe(text) for text in row])
        for entry in entries:
            text = bold(safe(entry.text)) if entry.best else safe(entry.text)
            rows[-1].append(text + (raised(reasons.setdefault(entry.reason, len(reasons) + 1)) if entry.reason else ""))
    return rows, list(reasons)


_LATEX = (
    {character: "\\" + character for character in "&%$#_{}"}
    | {letter: rf"$\{name}$" for name, letter in GREEK.items()}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        MISSING: "---",
        "×": r"$\times$",
    }
    | {"±": r"$\pm$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "<": "$<$", ">": "$>$", "|": "$|$"}
)


def escape(text: str) -> str:
    """``text`` for LaTeX: what is special there is escaped, Greek letters, signs and minus are set as mathematics."""
    minus = re.sub(r"(?<!\S)-(?=[\d∞])", "\N{MINUS SIGN}", text)
    return "".join((_LATEX | {"\N{MINUS SIGN}": "$-$"}).get(character, character) for character in minus)
