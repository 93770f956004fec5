"""The visual language of every figure: a colour per family and a look per flavour, a canvas one or two columns of print
wide with its legend, notes on what is missing.
"""

from __future__ import annotations

import functools
import io
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vaebench.errors import VaebenchError, printable
from vaebench.files import write
from vaebench.report.figures.told import KEY
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS, readable

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs, so the same bytes, everywhere
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.titlepad": 3,
    "axes.labelsize": 7,
    "axes.labelpad": 2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.minor.size": 1,
    "ytick.minor.size": 1,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "xtick.color": "0.4",
    "ytick.color": "0.4",
    "xtick.labelcolor": "0.15",
    "ytick.labelcolor": "0.15",
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,  # text stays text
}
ONE, TWO = 3.3, 6.9  # inches, of one and of two columns of print
PITCH = 0.145  # inches, of a row of text
SMALL = 6.0  # points, of the smallest text
# Any two differ by 16 or more in CIELAB, also as seen with protanopia, deuteranopia and tritanopia.
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#e34a33", "#56b4e9", "#8c1c3c", "#f0a3c0", "#332288")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")
LINES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (5, 1.5, 1, 1.5), (1, 1), (3, 1, 1, 1, 1, 1), (9, 2))
CONTROL_COLOURS = ("#000000", "#808080")
CONTROL_DASHES: tuple[float, ...] = (3, 2)
OTHERS = "0.87"  # what is behind
# Of classes: as far apart, and from white and light grey as well.
CLASSES = ("#0173b2", "#de8f05", "#029e73", "#e34a33", "#56b4e9", "#8c1c3c", "#8844ee", "#332288", "#000000", "#99e650")
BAND = 0.12
# Per inch. While a PDF is written, each panel of points takes the memory of an image of the whole page.
DOTS = {".pdf": 120, ".png": 200}

Parameters = ParamSpec("Parameters")
Colour = tuple[float, float, float]
Arrays = Mapping[str, np.ndarray]  # pictures of one flavour
Absence = tuple[str, str, str]  # a flavour, the place where it is not shown ("" for all), and the reason
BEYOND = "beyond the axes"  # the reason where others' are as `window` sets them


class Look(NamedTuple):
    """How a flavour appears: name, colour, marker, the dashes of its line (none: solid), and its family."""

    name: str
    colour: str
    marker: str
    dashes: tuple[float, ...]
    family: str = ""

    @property
    def ink(self) -> Colour:
        """The colour of its text: as dark as text on white has to be."""
        return ink(self.colour)

    def line(self) -> dict[str, Any]:
        """Keyword arguments for a line of this look."""
        return {"color": self.colour, "dashes": self.dashes} if self.dashes else {"color": self.colour}

    def handle(self) -> Line2D:
        """Entry in a legend."""
        return Line2D([], [], marker=self.marker, label=self.name, **self.line())


Palette = Mapping[str, Look]


def palette(families: Mapping[str, str]) -> dict[str, Look]:
    """A look for every flavour of a study, from the family of each, in their order; draw all its figures with it.

    A family has the same colour in every study; its flavours differ in marker and dashes, which together are unique for
    66 of them. Controls are black and grey, in turn.
    """
    colours = family_colours()
    chosen, turns = {}, dict.fromkeys(families.values(), 0)
    for flavour, family in families.items():
        turn = turns[family]
        turns[family] += 1
        if family == CONTROLS:
            look = CONTROL_COLOURS[turn % len(CONTROL_COLOURS)], "|", CONTROL_DASHES
        else:
            look = colours[family], MARKERS[turn % len(MARKERS)], LINES[turn % len(LINES)]
        chosen[flavour] = Look(readable(flavour, family), *look, family)
    return chosen


def family_colours() -> dict[str, str]:
    """The colour of each family of the catalogue but the controls, in the catalogue's order."""
    families = [family for family in catalogue.groups("flavours") if family != CONTROLS]
    return {family: COLOURS[i % len(COLOURS)] for i, family in enumerate(families)}


def members(flavours: Iterable[str], palette: Palette) -> dict[str, list[str]]:
    """Flavours by family, in the order of the palette."""
    found: dict[str, list[str]] = {}
    for flavour in ordered(flavours, palette):
        found.setdefault(palette[flavour].family, []).append(flavour)
    return found


def family_handles(flavours: Iterable[str], palette: Palette) -> list[Patch]:
    """Entries in a legend of the families that these flavours are of, controls left out: they say what they are."""
    colours = {palette[flavour].family: palette[flavour].colour for flavour in ordered(flavours, palette)}
    return [
        Patch(color=colour, label=catalogue.title("flavours", family))
        for family, colour in colours.items()
        if family != CONTROLS
    ]


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look for each label of what is no flavour: eight colours with a marker each, and then others with dashes."""
    found = {}
    for i, label in enumerate(labels):
        turn = i // len(COLOURS)
        marker, dashes = MARKERS[(i + turn) % len(COLOURS)], LINES[turn % len(LINES)]
        found[label] = Look(readable(label), COLOURS[i % len(COLOURS)], marker, dashes)
    return found


def sizes(latents: Sequence[int]) -> dict[int, tuple[str, float]]:
    """A marker for each latent size, and how much of a colour it is filled with, the larger the more."""
    return {size: (MARKERS[i % len(MARKERS)], i / max(1, len(latents) - 1)) for i, size in enumerate(latents)}


def tint(colour: str, share: float) -> Colour:
    """So much of a colour, and the rest white."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def ink(colour: str) -> Colour:
    """The colour, darkened to the contrast of 4.5 with white that text asks for (WCAG 2.1, 1.4.3)."""
    shade = np.array(to_rgb(colour))
    while 1.05 / (_luminance(shade) + 0.05) < 4.5:
        shade = 0.95 * shade
    red, green, blue = shade.tolist()
    return red, green, blue


def _luminance(rgb: np.ndarray) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def class_colours(labels: np.ndarray) -> dict[int, Colour]:
    """Colour of each class label: that of a label does not depend on which others occur, up to ten classes."""
    classes = np.unique(labels).tolist()
    if max(classes) < 10:
        colours = [to_rgb(colour) for colour in CLASSES]
    else:
        import seaborn as sns

        colours = sns.color_palette("husl", max(classes) + 1)
    return {label: colours[label] for label in classes}


def class_names(arrays: Arrays) -> dict[int, str]:
    """Names of the labels, of pictures whose data name them."""
    return dict(enumerate(map(str, arrays.get("classes", ()))))


def class_handles(colours: Mapping[int, Colour], names: Mapping[int, str]) -> list[Line2D]:
    """Entries of classes in a legend, by their `class_names`, which are no formulas, or their labels."""
    told = {label: printable(names.get(label, str(label))).replace("$", r"\$") for label in colours}
    return [
        Line2D([], [], linestyle="", marker="o", color=colour, label=told[label]) for label, colour in colours.items()
    ]


def ordered(flavours: Iterable[str], palette: Palette) -> list[str]:
    """Flavours in the order of the palette; raises `VaebenchError` for one that it lacks."""
    present = set(flavours)
    if unknown := present - set(palette):
        raise VaebenchError(
            f"no colour for {', '.join(sorted(unknown))}: make the palette from all flavours of the study"
        )
    return [flavour for flavour in palette if flavour in present]


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Decorator: draw with the settings of this module, whatever those of the user are."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with _settings():
            return draw(*args, **kwargs)

    return drawn


def _settings() -> Any:
    return matplotlib.style.context(["default", RC])


def canvas(
    count: int,
    columns: int,
    panel: tuple[float, float],
    *,
    handles: Sequence[Artist] = (),
    note: str = "",
    least: float = TWO,
    **subplots: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels of ``panel`` inches, its legend above them and its note below.

    Its width is that of one or two columns of print, at least ``least`` and no more than two, and it is high enough for
    legend and note; ``subplots`` goes to `Figure.subplots`. Places in the last row that are not needed are taken out.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width = ONE if max(least, columns * panel[0]) <= ONE else TWO
    figure = page(width, rows * panel[1], handles, note)
    axes = figure.subplots(rows, columns, squeeze=False, **subplots).ravel()
    for spare in axes[count:]:
        spare.remove()
    return figure, list(axes[:count])


def page(width: float, height: float, handles: Sequence[Artist] = (), note: str = "") -> Figure:
    """An empty figure with so many inches between its legend and its note."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    beside = max(1, min(len(handles), int(width / (0.5 + 0.062 * longest))))
    lines = textwrap.wrap(note, int(width * 20))
    height += math.ceil(len(handles) / beside) * 0.15 + len(lines) * 0.11 + 0.15
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    if handles:  # which a legend fills column by column
        handles = [handle for column in range(beside) for handle in handles[column::beside]]
        figure.legend(handles=handles, loc="outside upper center", ncols=beside, columnspacing=1.2, handlelength=2.2)
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=SMALL, color="0.35")
    return figure


def behind(axes: Axes, lines: Sequence[np.ndarray]) -> None:
    """What else there is, in grey: lines of points (n, 2)."""
    axes.add_collection(LineCollection(lines, colors=OTHERS, linewidths=0.5, zorder=0.8), autolim=False)


def name(axes: Axes, look: Look, *more: str) -> None:
    """Entitle a panel with the name of its flavour, in the ink of its family, and perhaps a line of more."""
    axes.set_title("\n".join((look.name, *more)), color=look.ink, fontsize=SMALL)


def say(axes: Axes, text: str) -> None:
    """Words in place of data that do not exist."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, textwrap.fill(text, 34), ha="center", va="center", color="0.35", transform=axes.transAxes)


def nothing(text: str, note: str) -> Figure:
    """A small figure that says what no flavour has, with the note on why."""
    figure, [axes] = canvas(1, 1, (3.0, 0.6), note=note, least=ONE)
    say(axes, text)
    return figure


def window(means: Iterable[float], *ends: Iterable[float], best: Iterable[float] = ()) -> tuple[float, float]:
    """Limits of an axis: all of the means and ends of intervals but those far out, beyond three quartile ranges.

    One flavour that failed, or one interval over two seeds, must not flatten all the others; the ``best`` are shown
    however far out they are.
    """
    centre = np.asarray(list(means), dtype=float)
    lower, upper = np.quantile(centre, (0.25, 0.75))
    reach = 3 * (upper - lower) or np.inf
    values = np.concatenate([centre, *(np.asarray(list(end), dtype=float) for end in ends)])
    shown = np.append(values[np.isfinite(values) & (values >= lower - reach) & (values <= upper + reach)], [*best])
    margin = 0.06 * np.ptp(shown) or 0.06 * abs(shown[0]) or 1.0
    return shown.min() - margin, shown.max() + margin


def beyond(rows: Any, limits: Mapping[str, tuple[float, float]]) -> list[str]:
    """The flavours of a table none of whose rows lies within the limits of its columns, for a note: `BEYOND`."""
    within = np.logical_and.reduce([rows[column].between(*ends) for column, ends in limits.items()])
    return sorted({*rows["flavour"]} - {*rows.loc[within, "flavour"]})


def best(rows: Any, palette: Palette, column: str, better: str | None) -> list[float]:
    """The best value in a column, of flavours that are no controls; none where no direction is better."""
    values = rows.loc[rows["flavour"].isin(compared(palette)), column]
    return [] if better is None or values.empty else [values.max() if better == "higher" else values.min()]


def places(flavours: Sequence[str], palette: Palette) -> dict[str, float]:
    """The height of each flavour's row, the first at 0 and on top, with half a row between families."""
    families = members(flavours, palette)
    starts = np.cumsum([0.0, *(len(family) + 0.5 for family in families.values())])
    return {
        flavour: float(start) + i
        for start, family in zip(starts, families.values(), strict=False)
        for i, flavour in enumerate(family)
    }


def reach(values: Any) -> tuple[float, float]:
    """Limits of an axis that hold all values; those of the unit interval if there is none."""
    low, high = (min(values), max(values)) if len(values) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def rows(axes: Axes, flavours: Sequence[str], palette: Palette) -> None:
    """A row for each flavour at its height of `places`, every other one shaded, its name in the ink of its family."""
    heights = places(flavours, palette)
    for height in list(heights.values())[1::2]:
        axes.axhspan(height - 0.5, height + 0.5, color="0.96", linewidth=0, zorder=0)
    axes.grid(visible=False, axis="y")
    axes.set_yticks([*heights.values()], [palette[flavour].name for flavour in heights])
    for tick, flavour in zip(axes.yaxis.get_major_ticks(), heights, strict=True):
        tick.label1.set_color(palette[flavour].ink)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(heights.values()) + 0.6, -0.6)


def height(flavours: Sequence[str], palette: Palette, pitch: float = PITCH) -> float:
    """Inches that the rows of these flavours take, each of ``pitch``."""
    return pitch * (max(places(flavours, palette).values()) + 1.2)


def compared(palette: Palette) -> list[str]:
    """Flavours that are no controls."""
    return [flavour for flavour, look in palette.items() if look.family != CONTROLS]


def facet(table: Any) -> Any:
    """Of each row of a table, its dataset and, where there are several, its architecture, in words."""
    datasets = table["dataset"].map(readable)
    if table["architecture"].nunique() < 2:
        return datasets
    return datasets + " · " + table["architecture"].map(readable)


def title(*parts: str) -> str:
    """Title of a panel from what sets it apart; empty parts are left out."""
    return " · ".join(filter(None, parts))


def absences(records: Iterable[Absence], palette: Palette) -> str:
    """One note on what is not shown; flavours that lack the same for the same reason are named once."""
    flavours: dict[tuple[str, str], list[str]] = {}
    for flavour, place, reason in dict.fromkeys(records):
        flavours.setdefault((reason, place), []).append(flavour)
    places: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, place), lacking in flavours.items():
        places.setdefault((reason, tuple(ordered(lacking, palette))), []).append(place)
    parts = [
        ", ".join(palette[flavour].name for flavour in lacking)
        + (f" in {', '.join(where)}" if any(where) else "")
        + f" — {reason}"
        for (reason, lacking), where in places.items()
    ]
    return f"Not shown: {'; '.join(parts)}." if parts else ""


def lacks(pictures: Mapping[str, Arrays], palette: Palette, key: str, otherwise: str, told: str = "") -> dict[str, str]:
    """Why each flavour of the palette has no array ``key`` among its pictures; "" if it has finite values.

    Where the pictures as a whole give no reason, it is that under the key ``told``, else ``otherwise``. Raises
    `VaebenchError` for a flavour that the palette lacks.
    """
    ordered(pictures, palette)
    return {flavour: _lack(pictures.get(flavour), key, otherwise, told) for flavour in palette}


def having(pictures: Mapping[str, Arrays], palette: Palette, key: str) -> list[str]:
    """The flavours with finite values of an array among their pictures."""
    return [flavour for flavour, reason in lacks(pictures, palette, key, "it has none").items() if not reason]


def _lack(pictures: Arrays | None, key: str, otherwise: str, told: str) -> str:
    if pictures is None:
        return "no run"
    if reason := str(pictures["reason"]):
        return reason
    if key not in pictures or not pictures[key].size:
        return str(pictures.get(told, otherwise))
    return "" if np.isfinite(pictures[key]).any() else "not finite anywhere"


def split(reasons: Mapping[str, str]) -> tuple[list[str], list[Absence]]:
    """From why each flavour is not shown ("" if it is): those that are, and the absences of the others."""
    shown = [flavour for flavour, reason in reasons.items() if not reason]
    return shown, [(flavour, "", reason) for flavour, reason in reasons.items() if reason]


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure as PDF or PNG by each path's suffix, images at `DOTS` per inch; equal figures give equal bytes.

    Its label, what it shows in words, goes with it (`vaebench.report.figures.told`). Raises `VaebenchError` for another
    suffix or if the file system refuses.
    """
    told = str(figure.get_label())
    metadata = {
        ".pdf": {"CreationDate": None} | ({"Subject": told} if told else {}),
        ".png": {"Software": None} | ({KEY: told} if told else {}),
    }
    with _settings():  # laid out once, for all formats
        figure.set_dpi(DOTS[".png"])
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    for path in map(Path, paths):
        if path.suffix not in metadata:
            raise VaebenchError(f"{path}: figures are written as {' or '.join(metadata)}")
        buffer = io.BytesIO()
        with _settings():
            figure.savefig(buffer, format=path.suffix[1:], dpi=DOTS[path.suffix], metadata=metadata[path.suffix])
        write(path, buffer.getvalue())
