"""Whether seeds agree on a distance (mean Spearman correlation, with its 95 % interval over seeds and pairs) against
whether it tells pairs of two classes from pairs of one (class separation, 50 is chance; with that over seeds).

Arrows go from the latent space's distance over that of the decoded ends and the length of the straight line's image to
the geodesic's, and to that by an ensemble of decoders. Pixels agree fully, as no model has a part in them. The
controls, far off as a rule, are told in words: lines before training, and shuffled codes, which know nothing of a pair.
An interval of more than half the range from chance to full is faint. The other flavours are grey; of few flavours all
are together on the left.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.report.concordance import SHOWN
from vaebench.report.figures import style
from vaebench.report.figures.agreement._shown import shown
from vaebench.report.figures.labels import label

KINDS = dict(zip((*SHOWN, "ensemble"), "os^DP", strict=True))
BASELINE = "pixel"
CONTROLS = ("untrained", "shuffled")
ROOM = 0.15  # of a panel, for what is said of these
TOGETHER = ("latent", "ends", "line")  # of all flavours in one panel
FEW = 15  # flavours that fit there
COLUMNS = {True: 4, False: 6}  # with such a panel, and without
PANEL = {True: (1.7, 1.5), False: (1.15, 1.2)}  # inches, in as many columns
ARROW = {"arrowstyle": "-|>", "linewidth": 0.7, "mutation_scale": 4.5, "shrinkA": 0, "shrinkB": 2}
PLACE = ["agreement", "separation"]
VAGUE = {"agreement": 0.5, "separation": 25.0}  # length of an interval that says nothing


@style.styled
def reliability_validity(
    distances: pd.DataFrame, agreement: pd.DataFrame, summary: pd.DataFrame, palette: style.Palette
) -> Figure:
    """A panel per flavour, and one of all."""
    table = _table(agreement, summary)
    kinds = [kind for kind in KINDS if kind in set(table["part"])]
    flavours, note = shown(table.assign(mean=table["agreement"]), palette, kinds)
    if not flavours:
        return style.nothing("no flavour has distances to compare over seeds", note)
    points = table.dropna(subset=PLACE).set_index(["flavour", "part"]).sort_index()
    paths = {flavour: points.loc[flavour].reindex(kinds).dropna(subset=PLACE) for flavour in flavours}
    marks = {kind: KINDS[kind] for kind in kinds} | {BASELINE: "x"}
    handles = [Line2D([], [], marker=mark, color="0.25", linestyle="", label=kind) for kind, mark in marks.items()]
    few = 1 < len(flavours) <= FEW
    figure, large, small = _panels(len(flavours), few, handles, note)
    for axes, flavour in zip(small, flavours, strict=True):
        style.name(axes, palette[flavour])
        style.behind(axes, [paths[other][PLACE].to_numpy() for other in flavours])
        others = points.loc[flavour]
        if BASELINE in others.index:
            axes.plot(*others.loc[BASELINE, PLACE], "x", color="0.45", markersize=4, label=BASELINE, zorder=2)
        _controls(axes, others)
        _intervals(axes, paths[flavour], palette[flavour])
        _arrows(axes, paths[flavour], palette[flavour], 2.6)
    for axes in large:
        axes.set_title("all flavours: latent, ends, line")
        for flavour in flavours:
            path = paths[flavour]
            _arrows(axes, path[path.index.isin(TOGETHER)], palette[flavour], 4)
    drawn = points.loc[flavours].loc[lambda rows: rows.index.isin([*marks], level="part")]
    low, high = _limits(drawn, "separation")
    small[0].set(xlim=_limits(drawn, "agreement"), ylim=(low - ROOM * (high - low), high))
    for axes in large:
        figure.draw_without_rendering()
        together = {flavour: path.loc[path.index.isin(TOGETHER), PLACE].to_numpy() for flavour, path in paths.items()}
        named = {palette[flavour].name: (places, palette[flavour].ink) for flavour, places in together.items()}
        label(axes, named, np.concatenate([*together.values()]))
    return figure


def _table(agreement: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """By flavour and kind of distance: agreement, separation, ends of their intervals, and why either is missing."""
    both = {
        "agreement": agreement[agreement["metric"] == "mean_spearman"],
        "separation": summary[summary["metric"] == "class_separation"],
    }
    agreed, told = (
        rows[["flavour", "part", "mean", "low", "high", "reason"]].set_axis(
            ["flavour", "part", name, f"{name}_low", f"{name}_high", f"{name}_reason"], axis=1
        )
        for name, rows in both.items()
    )
    told = told.assign(part=told["part"].str.removesuffix(" pairs"))
    table = agreed.merge(told, "left", ["flavour", "part"])
    known = table["separation"].notna()
    reason = table["separation_reason"].fillna("no class separation").where(~known, "")
    return table.assign(
        agreement=table["agreement"].where(known),
        reason=table["agreement_reason"].where(table["agreement_reason"] != "", reason),
    )


def _panels(count: int, few: bool, handles: list[Line2D], note: str) -> tuple[Figure, list[Axes], list[Axes]]:
    """The figure, the panel of all flavours, over two rows and columns, where they are few, and those of each."""
    corner = [(0, 0), (0, 1), (1, 0), (1, 1)] if few else []
    every = (divmod(n, COLUMNS[few]) for n in itertools.count())
    cells = list(itertools.islice((cell for cell in every if cell not in corner), count))
    rows, columns = (1 + max(cell[axis] for cell in cells + corner) for axis in (0, 1))
    figure, grid = style.canvas(
        rows * columns, columns, PANEL[few], handles=handles, note=note, sharex=True, sharey=True
    )
    small = [grid[row * columns + column] for row, column in cells]
    large = []
    if few:
        place = small[0].get_gridspec()[:2, :2]  # type: ignore[index]
        large = [figure.add_subplot(place, sharex=small[0], sharey=small[0])]
    for axes in grid:
        if axes not in small:
            axes.remove()
    spots = dict(zip(cells, small, strict=True)) | dict.fromkeys(corner, *large)
    for (row, column), axes in spots.items():
        if (row + 1, column) not in spots:
            axes.set_xlabel("agreement", fontsize=style.SMALL)
            axes.tick_params(labelbottom=True)
        if spots.get((row, column - 1)) in (None, *large) and axes not in large:
            axes.tick_params(labelleft=True)
        if column == 0:
            axes.set_ylabel("separation (%)", fontsize=style.SMALL)
    return figure, large, small


def _intervals(axes: Axes, path: pd.DataFrame, look: style.Look) -> None:
    for name, draw, other in (("agreement", axes.hlines, "separation"), ("separation", axes.vlines, "agreement")):
        for _, row in path.iterrows():
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            alpha = 0.6 if high - low <= VAGUE[name] else 0.15
            draw(row[other], low, high, color=look.colour, linewidth=0.8, alpha=alpha, zorder=1)


def _controls(axes: Axes, points: pd.DataFrame) -> None:
    found = {kind: points.loc[kind, PLACE] for kind in CONTROLS if kind in points.index}
    told = "\n".join(f"{kind} {round(x, 2) + 0.0:.2f}, {y:.0f} %" for kind, (x, y) in found.items())
    axes.annotate(told, (0.03, 0.02), xycoords="axes fraction", va="bottom", fontsize=5, color="0.45")


def _arrows(axes: Axes, path: pd.DataFrame, look: style.Look, size: float) -> None:
    """From each kind of distance to the next, which is marked."""
    places = path[PLACE].to_numpy()
    for kind, place in zip(path.index, places, strict=True):
        axes.plot(*place, KINDS[kind], color=look.colour, markersize=size, label=kind, zorder=3)
    for start, end in itertools.pairwise(places):
        axes.annotate("", end, start, arrowprops=ARROW | {"color": look.colour}, zorder=2)


def _limits(points: pd.DataFrame, name: str) -> tuple[float, float]:
    """Of an axis, that hold every value and every interval but the vague ones."""
    low, high = points[f"{name}_low"], points[f"{name}_high"]
    told = high - low <= VAGUE[name]
    values = pd.concat([points[name], low[told], high[told]])
    margin = 0.06 * (values.max() - values.min()) or 1.0
    return values.min() - margin, values.max() + margin


def finding(distances: pd.DataFrame, agreement: pd.DataFrame, summary: pd.DataFrame, palette: style.Palette) -> str:
    """Whether geodesics are higher than distances of latents in both."""
    table = _table(agreement, summary).dropna(subset=PLACE)
    both = table.pivot(index="flavour", columns="part", values=PLACE)
    if not {"latent", "geodesic"} <= {*table["part"]}:
        return ""
    differences = both.xs("geodesic", level="part", axis=1) - both.xs("latent", level="part", axis=1)
    differences = differences.dropna()
    counts = {name: int((differences[name] > 0).sum()) for name in PLACE}
    higher = int((differences > 0).all(axis=1).sum())
    return (
        f"Of {len(differences)} flavours, geodesics agree more than distances of latents for {counts['agreement']}, "
        f"separate more for {counts['separation']}, and both for {higher}."
    )
